"""Selection of images: from a data set, or all images in a folder."""

from pathlib import Path
from typing import NamedTuple

from ifd_zoo.datasets import DatasetError, Record, load_dataset
from ifd_zoo.images.formats import SUFFIXES, list_pictures

ALL, TRAIN = 'all', 'train'
UNKNOWN = -1


class Selection(NamedTuple):
    root: Path
    records: tuple[Record, ...]
    splits: tuple[str, ...] | None
    """Split of each record; None for unlabelled images, whose labels are UNKNOWN."""


def select_split(data: str, root: Path, split: str) -> Selection:
    """Select the images of a data set, each once.

    Args:
        data: name of the reader.
        root: folder of the data set.
        split: `train`, another split of the reader (`query`, `test A` ...), or `all` for one after the other. Readers
            number pids of training and test separately: the same pid is a different person there.

    Raises:
        DatasetError: the data set cannot be read, or the split is unknown or empty.
    """
    root = root.expanduser()
    dataset = load_dataset(data, root)
    splits = {TRAIN: dataset.train, **{part.name: part.records for part in dataset.splits}}
    if split == TRAIN:
        splits = {TRAIN: dataset.train}
    elif split != ALL:
        if split not in splits:
            raise DatasetError(f'{root}: no split {split!r} in {data!r}; give one of {", ".join([ALL, *splits])}')
        splits = {split: splits[split]}
    origin: dict[Path, tuple[Record, str]] = {}
    for name, records in splits.items():
        for record in records:
            origin.setdefault(record.path, (record, name))
    if not origin:
        raise DatasetError(f'{root}: no images in {split!r} in the layout of {data!r}')
    records, names = zip(*origin.values(), strict=True)
    return Selection(root, records, names)


def select_pictures(folder: Path) -> Selection:
    """Select all images in a folder and its subfolders, sorted, without labels; hidden files are ignored.

    Raises:
        DatasetError: the folder does not exist, or has no images.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    paths = list_pictures(folder)
    if not paths:
        raise DatasetError(f'{folder}: no pictures in this folder; looked for {", ".join(SUFFIXES)}')
    records = tuple(Record(path, UNKNOWN, UNKNOWN, UNKNOWN) for path in paths)
    return Selection(folder, records, None)
