"""Registry of data sets."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.datasets.base import MODES, DatasetError, Protocol, Record, RecordDataset, ReIDDataset, Split
from ifd_zoo.datasets.celeb_reid import load_celeb_reid
from ifd_zoo.datasets.deepchange import load_deepchange
from ifd_zoo.datasets.folder import load_folder
from ifd_zoo.datasets.last import load_last
from ifd_zoo.datasets.ltcc import load_ltcc
from ifd_zoo.datasets.market1501 import load_market1501
from ifd_zoo.datasets.prcc import load_prcc
from ifd_zoo.datasets.vc_clothes import load_vc_clothes


class Reader(NamedTuple):
    title: str
    load: Callable[[str | Path], ReIDDataset]


DATASETS = {
    'celeb_reid': Reader('Celeb-reID', load_celeb_reid),
    'deepchange': Reader('DeepChange', load_deepchange),
    'folder': Reader('', load_folder),  # titled by the name of its folder
    'last': Reader('LaST', load_last),
    'ltcc': Reader('LTCC', load_ltcc),
    'market1501': Reader('Market-1501', load_market1501),
    'prcc': Reader('PRCC', load_prcc),
    'vc_clothes': Reader('VC-Clothes', load_vc_clothes),
}

__all__ = [
    'DATASETS',
    'MODES',
    'DatasetError',
    'Protocol',
    'ReIDDataset',
    'Record',
    'RecordDataset',
    'Split',
    'load_dataset',
]


def load_dataset(name: str, root: str | Path) -> ReIDDataset:
    """Load a data set by name; raises DatasetError if the name is unknown or the files are not as expected."""
    if name not in DATASETS:
        raise DatasetError(f'unknown data set {name!r}; known: {", ".join(DATASETS)}')
    return DATASETS[name].load(root)
