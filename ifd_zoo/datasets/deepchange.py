"""DeepChange: seventeen outdoor cameras over twelve months.

Reference:
    Xu, Zhu: DeepChange: A Long-Term Person Re-Identification Benchmark with Clothes Change. ICCV 2023,
    arXiv:2105.14685.
URL:
    https://github.com/PengBoXiangShang/deepchange
Licence:
    Given on a signed request, for non-commercial research only. Neither the images nor anything cut from them may be
    passed on, and faces must be blocked wherever images are shown.

    <root>/DeepChangeDataset/{train-set,test-set-query,test-set-gallery}/P<pid>_C<camera>_<clothes>_....jpg
    <root>/DeepChangeDataset/{train-set,test-set-query,test-set-gallery}-bbox.txt   lines of <file name>,<tracklet>
    <root>/DeepChangeDataset/val-set-{query,gallery}                                further people, not read
    <root>/parsing/<same relative path>.png                                         label maps, optional

`DeepChangeDataset` may also be <root> itself. As in other published work, images of a person with the
same <clothes>, the third field of the name, are of one outfit. Images that the list does not name are left out.

Published are 178,407 images of 1,121 people, with those of validation. How many are in each split is not checked.

The camera of a record is its tracklet, so that only images of the query's own tracklet are junk: the same camera at
another time is a right answer here.
"""

import re
from pathlib import Path

from ifd_zoo.datasets.base import DatasetError, Protocol, ReIDDataset, Split
from ifd_zoo.datasets.common import (
    Label,
    evaluation_records,
    find_folder,
    list_images,
    parse_name,
    training_records,
)

TRAIN, QUERY, GALLERY = SPLITS = ('train-set', 'test-set-query', 'test-set-gallery')
FILE_NAME = re.compile(r'P(\d+)_C\d+_([^_]+)(?:_.*)?')


def load_deepchange(root: str | Path) -> ReIDDataset:
    """Read the layout above. Train pids are 0..K-1, test pids those of the file names, cameras the tracklets.

    The one protocol is `general`. No split is compared with a published size.

    Raises:
        DatasetError: a folder or list is missing, a folder has no images, a listed image is not there, or a line of a
            list or a file name is not as above.
    """
    root = Path(root).expanduser()
    folder = find_folder(root, ('DeepChangeDataset', '.'), SPLITS)
    train = training_records(root, _labels(folder, TRAIN))
    query, gallery = evaluation_records(root, _labels(folder, QUERY), _labels(folder, GALLERY))
    splits = (Split(TRAIN, train), Split(QUERY, query), Split(GALLERY, gallery))
    places = tuple((folder / split, '*') for split in SPLITS)
    return ReIDDataset('deepchange', train, (Protocol('general', 'general', query, gallery),), splits, places)


def _labels(folder: Path, split: str) -> dict[Path, Label]:
    images = list_images(folder / split, '*')
    tracklets = _tracklets(folder / f'{split}-bbox.txt')
    missing = sorted(set(tracklets) - {path.stem for path in images})
    if missing:
        raise DatasetError(f'{folder / split}: {len(missing)} listed images are not here, such as {missing[0]}.jpg')
    labels = {}
    for path in images:
        if path.stem in tracklets:
            pid, clothes = parse_name(path, FILE_NAME, 'P<pid>_C<camera>_<clothes>_....jpg')
            labels[path] = Label(int(pid), tracklets[path.stem], clothes)
    return labels


def _tracklets(path: Path) -> dict[str, int]:
    """Tracklets by the name of the image without its suffix, which is in capitals in some copies."""
    if not path.is_file():
        raise DatasetError(f'{path}: no such file; it tells the tracklet of each image')
    tracklets = {}
    for number, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
        if line.strip():
            # Other readers take the first two fields, whatever follows them.
            name, tracklet = (*map(str.strip, line.split(',')), '')[:2]
            if not tracklet.isdecimal():
                raise DatasetError(f'{path}:{number}: the line must be <file name>,<tracklet>, it is {line!r}')
            tracklets[Path(name).stem] = int(tracklet)
    return tracklets
