"""PRCC: three cameras, two outfits per person.

Reference:
    Yang, Wu, Zheng: Person Re-identification by Contour Sketch under Moderate Clothing Change. TPAMI 43(6), 2021,
    arXiv:2002.02295.
URL:
    http://www.isee-ai.cn/%7Eyangqize/clothing.html
Licence:
    Available from its authors on request, for research only. Neither the images nor crops of them may be redistributed.

    <root>/rgb/train/<pid>/{A,B,C}_*.jpg                the letter is the camera
    <root>/rgb/val/<pid>/{A,B,C}_*.jpg                  other images of the training persons, not read
    <root>/rgb/test/{A,B,C}/<pid>/*.jpg                 the folder is the camera
    <root>/parsing/<same relative path>.png             label maps, optional

`rgb` may also be in `<root>/prcc` or `<root>/PRCC`. A person wears one outfit in cameras A and B, another in C.

| split | images | persons | outfits |
|---|---|---|---|
| train | 17,896 | 150 | 300 |
| val | 5,002 | the same 150 | |
| test A, gallery | 3,384 | 71 | 71 |
| test B, queries in the same clothes | 3,873 | 71 | 71 |
| test C, queries in other clothes | 3,543 | 71 | 71 |

Training uses `train` alone, as published results do: with `val` the results would not be comparable.
"""

import random
import re
from pathlib import Path

from ifd_zoo.datasets.base import DatasetError, Protocol, Record, ReIDDataset, Split
from ifd_zoo.datasets.common import (
    Label,
    check_counts,
    evaluation_records,
    find_folder,
    list_images,
    training_records,
)

CAMERAS = {'A': 0, 'B': 1, 'C': 2}
OUTFITS = {'A': 0, 'B': 0, 'C': 1}
TRIALS = 10
IMAGES = '*/*'
"""Glob pattern of the images in each split."""
FILE_NAME = re.compile(r'([ABC])_.+')
TRAIN_COUNTS = {'images': 17896, 'persons': 150, 'outfits': 300}
TEST_COUNTS = {
    'A': {'images': 3384, 'persons': 71},
    'B': {'images': 3873, 'persons': 71},
    'C': {'images': 3543, 'persons': 71},
}


def load_prcc(root: str | Path) -> ReIDDataset:
    """Load PRCC from the layout above.

    Train pids are 0..149, test pids come from the folders, cameras A, B and C are 0, 1 and 2. `sc` queries are from B,
    `cc` queries from C. The gallery of `sc-all` and `cc-all` is all of A; that of `sc-single` and `cc-single`, as first
    published, is one random image per person from A, drawn TRIALS times. A split whose size differs from the published
    one issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, a person's folder is not a number, or a training image has
            no camera in its name.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('rgb', 'prcc/rgb', 'PRCC/rgb'), ('train', 'test'))
    train = training_records(root, _train_labels(folder / 'train'))
    cameras = [_test_labels(folder / 'test' / camera, camera) for camera in CAMERAS]
    test = dict(zip(CAMERAS, evaluation_records(root, *cameras), strict=True))
    tests = (Split(f'test {camera}', records, TEST_COUNTS[camera]) for camera, records in test.items())
    splits = (Split('train', train, TRAIN_COUNTS), *tests)
    check_counts('PRCC', splits)
    places = tuple((folder / split, IMAGES) for split in ('train', *(f'test/{camera}' for camera in CAMERAS)))
    return ReIDDataset('prcc', train, _protocols(test), splits, places)


def _protocols(test: dict[str, tuple[Record, ...]]) -> tuple[Protocol, ...]:
    queries = {'sc': test['B'], 'cc': test['C']}
    draws = [_draw_gallery(test['A'], trial) for trial in range(TRIALS)]
    return (
        *(Protocol(f'{mode}-all', mode, query, test['A']) for mode, query in queries.items()),
        *(
            Protocol(f'{mode}-single', mode, query, gallery, trial)
            for mode, query in queries.items()
            for trial, gallery in enumerate(draws)
        ),
    )


def _draw_gallery(records: tuple[Record, ...], seed: int) -> tuple[Record, ...]:
    """Draw one random image per person; the same on every machine, as the records come in sorted order."""
    people: dict[int, list[Record]] = {}
    for record in records:
        people.setdefault(record.pid, []).append(record)
    # Of the functions of `random`, only random() gives the same values in every version of Python.
    rng = random.Random(seed)
    return tuple(images[int(rng.random() * len(images))] for images in people.values())


def _train_labels(folder: Path) -> dict[Path, Label]:
    labels = {}
    for path in list_images(folder, IMAGES):
        match = FILE_NAME.fullmatch(path.name)
        if not match:
            raise DatasetError(f'{path}: the file name must begin with its camera, as in A_cropped_rgb001.jpg')
        labels[path] = Label(_pid(path), CAMERAS[match[1]], OUTFITS[match[1]])
    return labels


def _test_labels(folder: Path, camera: str) -> dict[Path, Label]:
    images = list_images(folder, IMAGES)
    return {path: Label(_pid(path), CAMERAS[camera], OUTFITS[camera]) for path in images}


def _pid(path: Path) -> int:
    if not path.parent.name.isdecimal():
        raise DatasetError(f'{path.parent}: the folder of a person must be a number, as in 001')
    return int(path.parent.name)
