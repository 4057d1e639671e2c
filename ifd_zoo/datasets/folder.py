"""The generic `folder` layout: a user's own data, and what the synthetic generator writes.

    <root>/{train,query,gallery}/<pid>/<clothes>/c<cam>_<n>.{jpg,jpeg,png}
    <root>/parsing/<same relative path>.png             label maps, optional

<pid> and <clothes> are folder names of any form; an outfit is the pair (pid, clothes).
"""

import re
from pathlib import Path

from ifd_zoo.datasets.base import MODES, DatasetError, Protocol, Record, ReIDDataset, Split
from ifd_zoo.datasets.common import find_label_map, is_hidden

SPLITS = ('train', 'query', 'gallery')
SUFFIXES = ('.jpg', '.jpeg', '.png')
FILE_NAME = re.compile(r'c(\d+)_.+')


def load_folder(root: str | Path) -> ReIDDataset:
    """Read the layout above.

    Train pids are 0..K-1 in sorted order of the folder names. Query and gallery share one numbering of their own,
    likewise sorted.

    Raises:
        DatasetError: a split is missing or empty, or a file name carries no camera.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    train = _read_splits(root, ('train',))['train']
    test = _read_splits(root, ('query', 'gallery'))
    protocols = tuple(Protocol(mode, mode, test['query'], test['gallery']) for mode in MODES)
    splits = tuple(Split(split, records) for split, records in {'train': train, **test}.items())
    return ReIDDataset('folder', train, protocols if test['query'] and test['gallery'] else (), splits)


def _read_splits(root: Path, splits: tuple[str, ...]) -> dict[str, tuple[Record, ...]]:
    """Records of splits that share one numbering of persons and outfits."""
    files = {split: _image_files(root / split) for split in splits}
    people = sorted({path.parts[-3] for paths in files.values() for path in paths})
    outfits = sorted({path.parts[-3:-1] for paths in files.values() for path in paths})
    pids = {name: index for index, name in enumerate(people)}
    clothes_ids = {pair: index for index, pair in enumerate(outfits)}
    return {
        split: tuple(
            Record(
                path=path,
                pid=pids[path.parts[-3]],
                camid=_camera(path),
                clothes_id=clothes_ids[path.parts[-3:-1]],
                label_map=find_label_map(root, path),
            )
            for path in paths
        )
        for split, paths in files.items()
    }


def _image_files(folder: Path) -> list[Path]:
    found = (path for path in folder.glob('*/*/*') if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if not is_hidden(path, folder))


def _camera(path: Path) -> int:
    # The base name only: a folder such as /data/c3_copy/ must not count as a camera.
    match = FILE_NAME.fullmatch(path.stem)
    if not match:
        raise DatasetError(f'{path}: the file name must be c<camera>_<number>, as in c3_0.jpg')
    return int(match[1])
