"""LaST: scenes from films, with outfit labels for training only.

Reference:
    Shu, Wang, Zang, Zhang, Chen, Li, Tian: Large-Scale Spatio-Temporal Person Re-identification: Algorithms and
    Benchmark. TCSVT 32(7), 2022, arXiv:2105.15076.
URL:
    https://github.com/shuxjweb/last
Licence:
    For academic research only.

    <root>/last/train/<pid>/<pid>_..._<clothes>.jpg     <clothes> is an outfit of this person
    <root>/last/test/query/<pid>_....jpg
    <root>/last/test/gallery/<pid>/<pid>_....jpg
    <root>/last/val/{query,gallery}                     56 other persons, not read
    <root>/parsing/<same relative path>.png             label maps, optional

`last` may also be called `LaST`, and <root> may be that folder itself.

| split | images | persons |
|---|---|---|
| train | 71,248 | 5,000 |
| query | 10,176 | 5,805 |
| gallery | 125,353 | 5,806 |

The authors' repository also gives the counts of a smaller release: 70,923, 10,173 and 123,041 images.

There are no camera labels: each image gets its own camid, so that none is junk. Each test person has one outfit.
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

PLACES = {'train': '*/*', 'test/query': '*', 'test/gallery': '*/*'}
"""Glob pattern of the images in each split."""
TRAIN_NAME = re.compile(r'(\d+)_(?:.*_)?([^_]+)')
TEST_NAME = re.compile(r'(\d+)_.+')


def load_last(root: str | Path) -> ReIDDataset:
    """Load LaST from the layout above. Train pids are 0..4999, test pids come from the file names.

    The only protocol is `general`, in which every gallery image of the person is a correct match. A split whose size
    differs from the published one issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, or a file name does not fit the layout.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('last', 'LaST', '.'), ('train', 'test'))
    places = tuple((folder / split, pattern) for split, pattern in PLACES.items())
    images, queries, others = (list_images(*place) for place in places)
    train = training_records(root, _train_labels(images))
    query, gallery = evaluation_records(root, _test_labels(queries, 0), _test_labels(others, len(queries)))
    splits = (
        Split('train', train, {'images': 71248, 'persons': 5000}),
        Split('query', query, {'images': 10176, 'persons': 5805}),
        Split('gallery', gallery, {'images': 125353, 'persons': 5806}),
    )
    check_counts('LaST', splits)
    return ReIDDataset('last', train, (Protocol('general', 'general', query, gallery),), splits, places)


def _train_labels(paths: list[Path]) -> dict[Path, Label]:
    labels = {}
    for camera, path in enumerate(paths):
        pid, clothes = parse_name(path, TRAIN_NAME, '<pid>_..._<clothes>.jpg')
        labels[path] = Label(int(pid), camera, clothes)
    return labels


def _test_labels(paths: list[Path], first_camera: int) -> dict[Path, Label]:
    labels = {}
    for camera, path in enumerate(paths, first_camera):
        (pid,) = parse_name(path, TEST_NAME, '<pid>_....jpg')
        labels[path] = Label(int(pid), camera, 0)
    return labels
