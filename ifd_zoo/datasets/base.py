"""What every data set returns: records, and protocols as data."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ifd_zoo.transforms import EvalTransform

MODES = ('general', 'cc', 'sc')


class DatasetError(ValueError):
    """A data set on disk is not what it should be; the message names the folder or file."""


@dataclass(frozen=True)
class Record:
    path: Path
    pid: int
    camid: int
    clothes_id: int
    """Outfit id, unique over persons: the same garment on two persons is two ids."""
    label_map: Path | None = None
    """Human parsing map (PNG, one byte per pixel, values of `ifd_zoo.parsing.labels.LABELS`)."""


@dataclass(frozen=True)
class Protocol:
    name: str
    mode: str
    """One of `MODES`; see `eval/metrics.py` for what each counts as relevant and as junk."""
    query: tuple[Record, ...]
    gallery: tuple[Record, ...]


@dataclass(frozen=True)
class ReIDDataset:
    name: str
    train: tuple[Record, ...]
    """pids are 0..K-1 in sorted order."""
    protocols: tuple[Protocol, ...] = field(default=())

    @property
    def num_pids(self) -> int:
        return len({record.pid for record in self.train})


def read_label_map(path: Path) -> np.ndarray:
    """(H, W) uint8. Raises DatasetError when the file is missing or is no single-channel PNG."""
    try:
        with Image.open(path) as picture:
            if picture.mode not in ('L', 'P'):
                raise DatasetError(f'{path}: a label map is a PNG of one byte per pixel, this one is {picture.mode}')
            return np.array(picture)
    except OSError as error:
        raise DatasetError(f'{path}: label map cannot be read ({error})') from error


def read_image(path: Path) -> Image.Image:
    """RGB. Raises DatasetError when the file is missing, damaged or no image."""
    try:
        with Image.open(path) as picture:
            return picture.convert('RGB')
    except OSError as error:
        raise DatasetError(f'{path}: image cannot be read ({error})') from error


class RecordDataset(torch.utils.data.Dataset):
    """Records as tensors.

    Each item is a dict: image, masked (3, H, W), clothing (1, H, W), pid, camid, clothes_id, index.
    """

    def __init__(self, records: tuple[Record, ...], transform: EvalTransform) -> None:
        self.records = records
        self.transform = transform

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        label_map = read_label_map(record.label_map) if record.label_map else None
        sample = self.transform(read_image(record.path), label_map)
        labels = {'pid': record.pid, 'camid': record.camid, 'clothes_id': record.clothes_id, 'index': index}
        return {**sample._asdict(), **labels}
