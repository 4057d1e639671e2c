"""VC-Clothes: four cameras in a computer game, several outfits per person.

Reference:
    Wan, Wu, Qian, Chen, Fu: When Person Re-identification Meets Changing Clothes. CVPR Workshops 2020,
    arXiv:2003.04070.
URL:
    https://wanfb.github.io/dataset.html
Licence:
    Apache License 2.0. The persons are rendered; there are no photos of anybody.

    <root>/VC-Clothes/{train,query,gallery}/<pid>-<camera>-<clothes>-<number>.jpg
    <root>/parsing/<same relative path>.png                                         label maps, optional

<root> may also be the folder `VC-Clothes` itself. <clothes> numbers the outfits of a person. The data set's page writes
`_` where other readers expect `-`; both are accepted.

| split | images | persons |
|---|---|---|
| train | 9,449 | 256 |
| query | 1,020 | 256 with the gallery |
| gallery | 8,591 | 256 with the queries |

The counts are from that page. It does not give the number of persons in the queries alone, which is not checked.

Published results on two cameras exclude only images from the query's own camera: the protocols `cameras 2 and 3` and
`cameras 3 and 4`. `sc` and `cc` also exclude outfits that do not fit their name, which makes a difference if a person's
outfits do not follow the cameras.
"""

import re
from pathlib import Path

from ifd_zoo.datasets.base import Protocol, Record, ReIDDataset, Split
from ifd_zoo.datasets.common import (
    Label,
    check_counts,
    evaluation_records,
    find_folder,
    list_images,
    parse_name,
    training_records,
)

SPLITS = ('train', 'query', 'gallery')
FILE_NAME = re.compile(r'(\d+)[-_](\d+)[-_](\d+)[-_].+')
TEST_CAMERAS = {'sc': (2, 3), 'cc': (3, 4)}
"""Cameras whose query and gallery images each mode uses; published results select by camera alone."""


def load_vc_clothes(root: str | Path) -> ReIDDataset:
    """Load VC-Clothes from the layout above. Train pids are 0..255; test pids and all camids come from the file names.

    The protocols are `general` (all cameras), `sc` (cameras 2 and 3), `cc` (cameras 3 and 4), and the two pairs of
    cameras regardless of outfit. A split whose size differs from the published one issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, or a file name does not fit the layout.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('VC-Clothes', '.'), SPLITS)
    train = training_records(root, _labels(folder / 'train'))
    query, gallery = evaluation_records(root, _labels(folder / 'query'), _labels(folder / 'gallery'))
    splits = (
        Split('train', train, {'images': 9449, 'persons': 256}),
        Split('query', query, {'images': 1020}),
        Split('gallery', gallery, {'images': 8591}),
        Split('query and gallery', query + gallery, {'persons': 256}),
    )
    check_counts('VC-Clothes', splits)
    pairs = {mode: (_before(cameras, query), _before(cameras, gallery)) for mode, cameras in TEST_CAMERAS.items()}
    protocols = (
        Protocol('general', 'general', query, gallery),
        *(Protocol(mode, mode, *sides) for mode, sides in pairs.items()),
        *(Protocol('cameras {} and {}'.format(*TEST_CAMERAS[mode]), 'general', *pairs[mode]) for mode in pairs),
    )
    places = tuple((folder / split, '*') for split in SPLITS)
    return ReIDDataset('vc_clothes', train, protocols, splits, places)


def _before(cameras: tuple[int, ...], records: tuple[Record, ...]) -> tuple[Record, ...]:
    return tuple(record for record in records if record.camid in cameras)


def _labels(folder: Path) -> dict[Path, Label]:
    labels = {}
    for path in list_images(folder, '*'):
        pid, camera, clothes = map(int, parse_name(path, FILE_NAME, '<pid>-<camera>-<clothes>-<number>.jpg'))
        labels[path] = Label(pid, camera, clothes)
    return labels
