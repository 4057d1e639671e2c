"""Market-1501: six cameras in front of a supermarket, one outfit per person.

Reference:
    Zheng, Shen, Tian, Wang, Wang, Tian: Scalable Person Re-identification: A Benchmark. ICCV 2015.
URL:
    http://www.liangzheng.org/Project/project_reid.html
Licence:
    For research only: photos of passers-by.

    <root>/Market-1501-v15.09.15/{bounding_box_train,query,bounding_box_test}/<pid>_c<camera>s<sequence>_<frame>_<n>.jpg
    <root>/parsing/<same relative path>.png                                         label maps, optional

`Market-1501-v15.09.15` may also be called `Market-1501`, and <root> may be that folder itself. `bounding_box_test` is
the gallery.

| split | images | persons |
|---|---|---|
| bounding_box_train | 12,936 | 751 |
| query | 3,368 | 750 |
| bounding_box_test | 15,913 | 750 and the distractors |

`bounding_box_test` has 19,732 files: 3,819 have the pid -1, which marks junk detections, and are left out. Distractors,
pid 0000, stay in the gallery as wrong matches for every query.
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

TRAIN, QUERY, GALLERY = SPLITS = ('bounding_box_train', 'query', 'bounding_box_test')
FILE_NAME = re.compile(r'(-1|\d+)_c(\d+)s\d+_.+')
JUNK = -1


def load_market1501(root: str | Path) -> ReIDDataset:
    """Load Market-1501 from the layout above. Train pids are 0..750; test pids and all camids come from the file names.

    The only protocol is `general`, as each person has one outfit. A split whose size differs from the published one
    issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, or a file name does not fit the layout.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('Market-1501-v15.09.15', 'Market-1501', '.'), SPLITS)
    train = training_records(root, _labels(folder / TRAIN))
    query, gallery = evaluation_records(root, _labels(folder / QUERY), _labels(folder / GALLERY))
    splits = (
        Split(TRAIN, train, {'images': 12936, 'persons': 751}),
        Split(QUERY, query, {'images': 3368, 'persons': 750}),
        # The distractors count as one person.
        Split(GALLERY, gallery, {'images': 15913, 'persons': 751}),
    )
    check_counts('Market-1501', splits)
    places = tuple((folder / split, '*') for split in SPLITS)
    return ReIDDataset('market1501', train, (Protocol('general', 'general', query, gallery),), splits, places)


def _labels(folder: Path) -> dict[Path, Label]:
    labels = {}
    for path in list_images(folder, '*'):
        pid, camera = map(int, parse_name(path, FILE_NAME, '<pid>_c<camera>s<sequence>_<frame>_<n>.jpg'))
        if pid != JUNK:
            labels[path] = Label(pid, camera, 0)
    return labels
