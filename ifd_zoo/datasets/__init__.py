"""Data sets by name."""

from collections.abc import Callable
from pathlib import Path

from ifd_zoo.datasets.base import MODES, DatasetError, Protocol, Record, RecordDataset, ReIDDataset
from ifd_zoo.datasets.folder import load_folder
from ifd_zoo.datasets.ltcc import load_ltcc
from ifd_zoo.datasets.prcc import load_prcc

DATASETS: dict[str, Callable[[str | Path], ReIDDataset]] = {
    'folder': load_folder,
    'ltcc': load_ltcc,
    'prcc': load_prcc,
}

__all__ = ['DATASETS', 'MODES', 'DatasetError', 'Protocol', 'ReIDDataset', 'Record', 'RecordDataset', 'load_dataset']


def load_dataset(name: str, root: str | Path) -> ReIDDataset:
    """A data set by name; DatasetError when the name is unknown or the files are not as they should be."""
    if name not in DATASETS:
        raise DatasetError(f'unknown data set {name!r}; known: {", ".join(DATASETS)}')
    return DATASETS[name](root)
