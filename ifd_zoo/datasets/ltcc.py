"""LTCC: twelve indoor cameras over two months, several outfits per person.

Reference:
    Qian, Wang, Zhang, Zhu, Fu, Xiang, Jiang, Xue: Long-Term Cloth-Changing Person Re-identification. ACCV 2020,
    arXiv:2005.12633.
URL:
    https://naiq.github.io/LTCC_Perosn_ReID.html
Licence:
    Available from its authors on request, for research only. Neither the images nor crops of them may be redistributed.

    <root>/LTCC_ReID/{train,query,test}/<pid>_<clothes>_c<camera>_<frame>.png       `test` is the gallery
    <root>/parsing/<same relative path>.png                                         label maps, optional

`LTCC_ReID` may also be in `<root>/ltcc` or `<root>/LTCC`, and <root> may be that folder itself. <clothes> numbers the
outfits of a person.

| split | images | persons |
|---|---|---|
| train | 9,576 | 77 |
| query | 493 | 75 with the gallery |
| test, gallery | 7,050 | 75 with the queries |

All 493 queries are valid in the general protocol, 392 in the clothes-changing one: for the others the gallery has no
image of the person in another outfit from another camera.
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

SPLITS = ('train', 'query', 'test')
FILE_NAME = re.compile(r'(\d+)_(\d+)_c(\d+)_.+')


def load_ltcc(root: str | Path) -> ReIDDataset:
    """Load LTCC from the layout above. Train pids are 0..76; test pids and all camids come from the file names.

    The protocols are `general` and `cc`, with the same queries and gallery. A split whose size differs from the
    published one issues a `CountWarning`.

    Raises:
        DatasetError: a folder is missing or has no images, or a file name does not fit the layout.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('LTCC_ReID', 'ltcc/LTCC_ReID', 'LTCC/LTCC_ReID', '.'), SPLITS)
    train = training_records(root, _labels(folder / 'train'))
    query, gallery = evaluation_records(root, _labels(folder / 'query'), _labels(folder / 'test'))
    splits = (
        Split('train', train, {'images': 9576, 'persons': 77}),
        Split('query', query, {'images': 493}),
        Split('test (gallery)', gallery, {'images': 7050}),
        Split('query and test', query + gallery, {'persons': 75}),
    )
    check_counts('LTCC', splits)
    places = tuple((folder / split, '*') for split in SPLITS)
    protocols = tuple(Protocol(mode, mode, query, gallery) for mode in ('general', 'cc'))
    return ReIDDataset('ltcc', train, protocols, splits, places)


def _labels(folder: Path) -> dict[Path, Label]:
    labels = {}
    for path in list_images(folder, '*'):
        pid, clothes, camera = map(int, parse_name(path, FILE_NAME, '<pid>_<clothes>_c<camera>_<frame>.png'))
        labels[path] = Label(pid, camera, clothes)
    return labels
