"""Which images are meant: those of a data set, or all in a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ifd_zoo.datasets import DatasetError, Record, load_dataset
from ifd_zoo.datasets.base import UnreadableImage, read_image
from ifd_zoo.images import ImageError, load_image

ALL, TRAIN = 'all', 'train'
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff', '.ppm')
UNKNOWN = -1


class Selection(NamedTuple):
    root: Path
    records: tuple[Record, ...]
    splits: tuple[str, ...] | None
    """For each record the split that it is from; None for pictures without labels, which then are UNKNOWN."""
    read: Callable[[Path], Image.Image]
    """Gives the RGB image at a path."""


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
    return Selection(root, records, names, read_image)


def select_pictures(folder: Path) -> Selection:
    """All pictures in a folder and the folders in it, without hidden ones, sorted; they have no labels.

    Raises:
        DatasetError: there is no such folder, or no picture in it.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    found = (path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES and not path.is_dir())
    paths = sorted(path for path in found if not any(part.startswith('.') for part in path.relative_to(folder).parts))
    if not paths:
        raise DatasetError(f'{folder}: no pictures in this folder; looked for {", ".join(SUFFIXES)}')
    records = tuple(Record(path, UNKNOWN, UNKNOWN, UNKNOWN) for path in paths)
    return Selection(folder, records, None, _read_upright)


def _read_upright(path: Path) -> Image.Image:
    """As the app and `Predictor` see it: turned as its EXIF data says, shrunk when it is huge."""
    try:
        return load_image(path, str(path))
    except ImageError as error:
        raise UnreadableImage(str(error)) from error
