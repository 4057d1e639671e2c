"""Data structures that every reader returns: records, splits and protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.common.errors import ZooError
from ifd_zoo.images.label_maps import label_fault
from ifd_zoo.images.loading import ImageError, load_image, shrink_like
from ifd_zoo.labels import LABELS

MODES = ('general', 'cc', 'sc')


class DatasetError(ZooError, ValueError):
    """A data set on disk is invalid; the message names the folder or file."""


class UnreadableImage(DatasetError):
    """An image file is missing, damaged or not an image."""


@dataclass(frozen=True)
class Record:
    path: Path
    pid: int
    camid: int
    clothes_id: int
    """Outfit id, unique across persons: the same garment on two persons has two ids."""
    label_map: Path | None = None
    """Label map (PNG, one byte per pixel, values are positions in `ifd_zoo.labels.LABELS`)."""


@dataclass(frozen=True)
class Protocol:
    name: str
    mode: str
    """One of `MODES`; see `eval/metrics.py` for the gallery images that each counts as relevant and as junk."""
    query: tuple[Record, ...]
    gallery: tuple[Record, ...]
    trial: int | None = None
    """Index of a repeated random gallery draw. Results of protocols that share a name are averaged."""


@dataclass(frozen=True)
class Split:
    """Named group of images that are counted together; an image may be in several splits."""

    name: str
    records: tuple[Record, ...]
    expected: dict[str, int] = field(default_factory=dict, hash=False)
    """Published counts, with any of the keys `images`, `persons` and `outfits`."""


@dataclass(frozen=True)
class ReIDDataset:
    name: str
    train: tuple[Record, ...]
    """pids are 0..K-1 in sorted order."""
    protocols: tuple[Protocol, ...] = field(default=())
    splits: tuple[Split, ...] = field(default=())
    """All images read from disk, including those that a later choice of persons or cameras leaves out."""
    places: tuple[tuple[Path, str], ...] = field(default=())
    """Where images of the splits are searched: folders, each with the glob pattern below it, such as `*/*`."""
    lacks: str = ''
    """Why there are no protocols; empty if there are any."""

    @property
    def num_pids(self) -> int:
        return len({record.pid for record in self.train})

    @property
    def records(self) -> tuple[Record, ...]:
        """All images, each once, in the order of the splits."""
        return tuple({record.path: record for split in self.splits for record in split.records}.values())

    def with_records(self, others: Mapping[Record, Record]) -> 'ReIDDataset':
        """Return a copy with records of training and protocols replaced; those that are not keys of `others` stay."""

        def change(records: tuple[Record, ...]) -> tuple[Record, ...]:
            return tuple(others.get(record, record) for record in records)

        protocols = (replace(p, query=change(p.query), gallery=change(p.gallery)) for p in self.protocols)
        return replace(self, train=change(self.train), protocols=tuple(protocols))


def read_label_map(path: Path, size: tuple[int, int] | None = None, classes: int = len(LABELS)) -> np.ndarray:
    """Read a label map as (H, W) uint8 with values in `range(classes)`.

    A label map belongs to the upright image (EXIF rotation applied), and is shrunk if `read_image` shrinks the image.

    Args:
        size: (width, height) of the image as returned by `read_image`, if known.
        classes: number of classes in the label set; differs from ours if another tool made the map.

    Raises:
        DatasetError: the file is missing, not a single-channel PNG, of another label set or of another size.
    """
    try:
        with Image.open(path) as picture:
            mode, label_map, fault = picture.mode, np.array(picture), label_fault(picture.info)
    # Damaged bytes can make Pillow's decoders raise anything: OSError, SyntaxError, IndexError, struct.error ...
    except Exception as error:
        raise DatasetError(f'{path}: label map cannot be read ({error})') from error
    if mode not in ('L', 'P'):
        raise DatasetError(f'{path}: a label map must be a PNG with one byte per pixel, this one is {mode}')
    if fault:
        raise DatasetError(f'{path}: {fault}; make the label maps again')
    if label_map.max() >= classes:
        raise DatasetError(f'{path}: holds the value {label_map.max()}; labels are 0 to {classes - 1}')
    return _fitted(path, label_map, size) if size else label_map


def _fitted(path: Path, label_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    label_map = shrink_like(label_map, size)
    height, width = label_map.shape
    if size == (width, height):
        return label_map
    fault = f'{path}: {width} x {height} pixels, but its image has {size[0]} x {size[1]}'
    if size == (height, width):
        fault += '; a label map must match the upright image, rotated as its EXIF data says'
    raise DatasetError(fault)


def read_image(path: Path) -> Image.Image:
    """Read an RGB image with `load_image`. Raises UnreadableImage if the file is missing, damaged or not an image."""
    try:
        return load_image(path)
    except ImageError as error:
        raise UnreadableImage(f'{path}: image cannot be read ({error.reason})') from error


class RecordDataset:
    """Map-style dataset that turns records into tensors.

    Each item is a dict: image, masked (3, H, W), clothing (1, H, W), pid, camid, clothes_id, index.

    Args:
        transform: one of `ifd_zoo.transforms`, called with an image and its label map.
    """

    def __init__(
        self, records: Sequence[Record], transform: Callable[[Image.Image, np.ndarray | None], NamedTuple]
    ) -> None:
        self.records = records
        self.transform = transform

    def __len__(self) -> int:
        return len(self.records)

    def load(self, index: int) -> tuple[Image.Image, np.ndarray | None]:
        """Load an RGB image and its label map (H, W) uint8, None if it has none.

        Raises:
            DatasetError: either cannot be used.
        """
        record = self.records[index]
        image = read_image(record.path)
        return image, read_label_map(record.label_map, image.size) if record.label_map else None

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        sample = self.transform(*self.load(index))
        labels = {'pid': record.pid, 'camid': record.camid, 'clothes_id': record.clothes_id, 'index': index}
        return {**sample._asdict(), **labels}
