"""Celeb-reID: street snapshots of celebrities, who rarely wear the same outfit twice.

Reference:
    Huang, Xu, Wu, Zhong, Zhang, Zhang: Beyond Scalar Neuron: Adopting Vector-Neuron Capsules for Long-Term Person
    Re-Identification. TCSVT 2019.
URL:
    https://github.com/Huang-3/Celeb-reID
Licence:
    For research only; no redistribution and no commercial use.

    <root>/Celeb-reID/{train,query,gallery}/<pid>_<number>_0.jpg
    <root>/parsing/<same relative path>.png                             label maps, optional

<root> may also be the folder `Celeb-reID` itself.

| split | images | persons |
|---|---|---|
| train | 20,208 | 632 |
| query | 2,972 | 420 |
| gallery | 11,006 | 420 |

There are no camera labels: each image gets its own camid, so that none is junk. There are no outfit labels either: all
images of a person share one outfit. So no person appears in two outfits, and the clothing contrastive loss weights all
pairs by 1.
"""

import re
from pathlib import Path

from ifd_zoo.datasets.base import Protocol, ReIDDataset, Split
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
FILE_NAME = re.compile(r'(\d+)_\d+_\d+')


def load_celeb_reid(root: str | Path) -> ReIDDataset:
    """Load Celeb-reID from the layout above. Train pids are 0..631, test pids come from the file names.

    The only protocol is `general`, in which every gallery image of the person is a correct match. A split whose size
    differs from the published one issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, or a file name does not fit the layout.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('Celeb-reID', '.'), SPLITS)
    images, queries, others = (list_images(folder / split, '*') for split in SPLITS)
    train = training_records(root, _labels(images, 0))
    query, gallery = evaluation_records(root, _labels(queries, 0), _labels(others, len(queries)))
    splits = (
        Split('train', train, {'images': 20208, 'persons': 632}),
        Split('query', query, {'images': 2972, 'persons': 420}),
        Split('gallery', gallery, {'images': 11006, 'persons': 420}),
    )
    check_counts('Celeb-reID', splits)
    places = tuple((folder / split, '*') for split in SPLITS)
    return ReIDDataset('celeb_reid', train, (Protocol('general', 'general', query, gallery),), splits, places)


def _labels(paths: list[Path], first_camera: int) -> dict[Path, Label]:
    labels = {}
    for camera, path in enumerate(paths, first_camera):
        (pid,) = parse_name(path, FILE_NAME, '<pid>_<number>_0.jpg')
        labels[path] = Label(int(pid), camera, 0)
    return labels
