"""What every data set returns: records, and protocols as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.common.errors import ZooError
from ifd_zoo.images.loading import ImageError, load_image, shrink_like
from ifd_zoo.label_maps import label_fault
from ifd_zoo.labels import LABELS

MODES = ('general', 'cc', 'sc')


class DatasetError(ZooError, ValueError):
    """A data set on disk is not what it should be; the message names the folder or file."""


class UnreadableImage(DatasetError):
    """The file of an image is missing, damaged or no image."""


@dataclass(frozen=True)
class Record:
    path: Path
    pid: int
    camid: int
    clothes_id: int
    """Outfit id, unique over persons: the same garment on two persons is two ids."""
    label_map: Path | None = None
    """Human parsing map (PNG, one byte per pixel, values of `ifd_zoo.labels.LABELS`)."""


@dataclass(frozen=True)
class Protocol:
    name: str
    mode: str
    """One of `MODES`; see `eval/metrics.py` for what each counts as relevant and as junk."""
    query: tuple[Record, ...]
    gallery: tuple[Record, ...]
    trial: int | None = None
    """Number of a repeated draw of the gallery. Figures of protocols that share a name are averaged."""


@dataclass(frozen=True)
class Split:
    """Images that are counted together; an image may be in several splits."""

    name: str
    records: tuple[Record, ...]
    expected: dict[str, int] = field(default_factory=dict, hash=False)
    """Published numbers of any of `images`, `persons` and `outfits`."""


@dataclass(frozen=True)
class ReIDDataset:
    name: str
    train: tuple[Record, ...]
    """pids are 0..K-1 in sorted order."""
    protocols: tuple[Protocol, ...] = field(default=())
    splits: tuple[Split, ...] = field(default=())
    """All that was read, as it lies on disk: also images that a later choice of people or cameras leaves out."""
    places: tuple[tuple[Path, str], ...] = field(default=())
    """Where images of the splits are looked for: folders, and the glob below each, such as `*/*`."""
    lacks: str = ''
    """Why there are no protocols; empty where there are some."""

    @property
    def num_pids(self) -> int:
        return len({record.pid for record in self.train})

    @property
    def records(self) -> tuple[Record, ...]:
        """All images, each once, in the order of the splits."""
        return tuple({record.path: record for split in self.splits for record in split.records}.values())

    def with_records(self, others: Mapping[Record, Record]) -> 'ReIDDataset':
        """The data set with other records in training and protocols; those that are no key of `others` stay."""

        def change(records: tuple[Record, ...]) -> tuple[Record, ...]:
            return tuple(others.get(record, record) for record in records)

        protocols = (replace(p, query=change(p.query), gallery=change(p.gallery)) for p in self.protocols)
        return replace(self, train=change(self.train), protocols=tuple(protocols))


def read_label_map(path: Path, size: tuple[int, int] | None = None, classes: int = len(LABELS)) -> np.ndarray:
    """(H, W) uint8, values in `range(classes)`.

    A label map belongs to the upright image, whatever its EXIF data says, and is shrunk with an image that is huge.

    Args:
        size: (width, height) of its image as `read_image` gives it, when that is known.
        classes: of the label set; another number than ours where another tool made the map.

    Raises:
        DatasetError: the file is missing, no single-channel PNG, of other labels or of another size.
    """
    try:
        with Image.open(path) as picture:
            mode, label_map, fault = picture.mode, np.array(picture), label_fault(picture.info)
    # Pillow's decoders raise whatever damaged bytes lead them to: OSError, SyntaxError, IndexError, struct.error ...
    except Exception as error:
        raise DatasetError(f'{path}: label map cannot be read ({error})') from error
    if mode not in ('L', 'P'):
        raise DatasetError(f'{path}: a label map is a PNG of one byte per pixel, this one is {mode}')
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
        fault += '; a label map belongs to the upright image, as its EXIF data turns it'
    raise DatasetError(fault)


def read_image(path: Path) -> Image.Image:
    """RGB, by `load_image`. Raises UnreadableImage when the file is missing, damaged or no image."""
    try:
        return load_image(path)
    except ImageError as error:
        raise UnreadableImage(f'{path}: image cannot be read ({error.reason})') from error


class RecordDataset:
    """Records as tensors.

    Each item is a dict: image, masked (3, H, W), clothing (1, H, W), pid, camid, clothes_id, index.

    Args:
        transform: what `ifd_zoo.transforms` has, of an image and its label map.
    """

    def __init__(
        self, records: Sequence[Record], transform: Callable[[Image.Image, np.ndarray | None], NamedTuple]
    ) -> None:
        self.records = records
        self.transform = transform

    def __len__(self) -> int:
        return len(self.records)

    def load(self, index: int) -> tuple[Image.Image, np.ndarray | None]:
        """An image, RGB, and its label map (H, W) uint8, if it has one.

        Raises:
            DatasetError: one of them cannot be used.
        """
        record = self.records[index]
        image = read_image(record.path)
        return image, read_label_map(record.label_map, image.size) if record.label_map else None

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        sample = self.transform(*self.load(index))
        labels = {'pid': record.pid, 'camid': record.camid, 'clothes_id': record.clothes_id, 'index': index}
        return {**sample._asdict(), **labels}
