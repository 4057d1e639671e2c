"""The generic `folder` layout: a user's own data, and what the synthetic generator writes.

    <root>/{train,query,gallery}/<pid>/<clothes>/c<cam>_<n>.jpg         any suffix of `ifd_zoo.images.formats.SUFFIXES`
    <root>/parsing/<same relative path>.png                             label maps, optional

<pid> and <clothes> can be any folder names; an outfit is a pair (pid, clothes).
"""

import re
from pathlib import Path

from ifd_zoo.datasets.base import MODES, DatasetError, Protocol, Record, ReIDDataset, Split
from ifd_zoo.datasets.common import find_label_map
from ifd_zoo.images.formats import list_pictures

SPLITS = ('train', 'query', 'gallery')
IMAGES = '*/*/*'
FILE_NAME = re.compile(r'c(\d+)_.+')


def load_folder(root: str | Path) -> ReIDDataset:
    """Load a data set from the layout above.

    Train pids are 0..K-1 in sorted order of the folder names. Query and gallery share a separate numbering, sorted in
    the same way.

    Raises:
        DatasetError: there are no images in this layout, or a file name has no camera.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    train = _read_splits(root, ('train',))['train']
    test = _read_splits(root, ('query', 'gallery'))
    protocols = tuple(Protocol(mode, mode, test['query'], test['gallery']) for mode in MODES)
    splits = tuple(Split(split, records) for split, records in {'train': train, **test}.items())
    empty = [split.name for split in splits if not split.records]
    if len(empty) == len(splits):
        raise DatasetError(_explain(root, empty))
    places = tuple((root / split, IMAGES) for split in SPLITS)
    if 'query' in empty or 'gallery' in empty:
        return ReIDDataset('folder', train, (), splits, places, _explain(root, empty))
    return ReIDDataset('folder', train, protocols, splits, places)


def _explain(root: Path, empty: list[str]) -> str:
    """Describe what is missing in splits without images, and what was found instead."""
    splits = f'{{{",".join(empty)}}}' if len(empty) > 1 else empty[0]
    expected = f"{root}: no images in the layout of 'folder', {splits}/<person>/<outfit>/c<camera>_<number>.jpg: "
    return expected + '; '.join(_found(root, split) for split in empty)


def _found(root: Path, split: str) -> str:
    if not (root / split).is_dir():
        return f'{split} is missing'
    images = list_pictures(root / split)
    if not images:
        return f'{split} is empty'
    example = images[0].relative_to(root)
    hint = ' (the outfit folder is missing)' if len(example.parts) == IMAGES.count('*') else ''
    return f'{split} has {len(images)} at another depth, such as {example}{hint}'


def _read_splits(root: Path, splits: tuple[str, ...]) -> dict[str, tuple[Record, ...]]:
    """Read the records of splits that share one numbering of persons and outfits."""
    files = {split: list_pictures(root / split, IMAGES) for split in splits}
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


def _camera(path: Path) -> int:
    # The base name only: a folder such as /data/c3_copy/ must not count as a camera.
    match = FILE_NAME.fullmatch(path.stem)
    if not match:
        raise DatasetError(f'{path}: the file name must be c<camera>_<number>, as in c3_0.jpg')
    return int(match[1])
