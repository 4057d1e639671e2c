"""Which images are meant: those of a data set, or all in a folder."""

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
    """For each record the split that it is from; None for pictures without labels, which then are UNKNOWN."""


def select_split(data: str, root: Path, split: str) -> Selection:
    """Images of a data set, each once.

    Args:
        data: name of the reader.
        root: folder of the data set.
        split: `train`, one that the reader has (`query`, `test A` ...), or `all`: one after the other. Readers number
            the persons of training and test apart, so that the same pid means different persons there.

    Raises:
        DatasetError: the data set cannot be read, has no such split, or it is empty.
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
    """All pictures in a folder and the folders in it, without hidden ones, sorted; they have no labels.

    Raises:
        DatasetError: there is no such folder, or no picture in it.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    paths = list_pictures(folder)
    if not paths:
        raise DatasetError(f'{folder}: no pictures in this folder; looked for {", ".join(SUFFIXES)}')
    records = tuple(Record(path, UNKNOWN, UNKNOWN, UNKNOWN) for path in paths)
    return Selection(folder, records, None)
