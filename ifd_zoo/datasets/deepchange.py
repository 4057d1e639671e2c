"""DeepChange: seventeen outdoor cameras over twelve months.

Reference:
    Xu, Zhu: DeepChange: A Long-Term Person Re-Identification Benchmark with Clothes Change. ICCV 2023,
    arXiv:2105.14685.
URL:
    https://github.com/PengBoXiangShang/deepchange
Licence:
    Available on signed request, for non-commercial research only. Neither the images nor crops of them may be
    redistributed, and faces must be blocked out wherever images are shown.

    <root>/DeepChangeDataset/{train-set,test-set-query,test-set-gallery}/P<pid>_C<camera>_<clothes>_....jpg
    <root>/DeepChangeDataset/{train-set,test-set-query,test-set-gallery}-bbox.txt   lines of <file name>,<tracklet>
    <root>/DeepChangeDataset/val-set-{query,gallery}                                other persons, not read
    <root>/parsing/<same relative path>.png                                         label maps, optional

<root> may also be the folder `DeepChangeDataset` itself. As in other published work, images of a person with the same
<clothes>, the third field of the name, show one outfit. Images that are not in the list are left out.

The published data set has 178,407 images of 1,121 persons, including validation. The sizes of splits are not checked.

The camid of a record is its tracklet, so that only images of the query's own tracklet are junk: images of the person
from the same camera at another time are correct matches here.
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
    """Load DeepChange from the layout above.

    Train pids are 0..K-1, test pids come from the file names, camids are tracklets. The only protocol is `general`.

    Raises:
        DatasetError: a folder or list is missing, a folder has no images, a listed image is missing, or a line of a
            list or a file name does not fit the layout.
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
        raise DatasetError(f'{folder / split}: {len(missing)} listed images are missing, such as {missing[0]}.jpg')
    labels = {}
    for path in images:
        if path.stem in tracklets:
            pid, clothes = parse_name(path, FILE_NAME, 'P<pid>_C<camera>_<clothes>_....jpg')
            labels[path] = Label(int(pid), tracklets[path.stem], clothes)
    return labels


def _tracklets(path: Path) -> dict[str, int]:
    """Read the tracklets by image name without its suffix, which is in capitals in some copies."""
    if not path.is_file():
        raise DatasetError(f'{path}: no such file; it gives the tracklet of each image')
    tracklets = {}
    for number, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
        if line.strip():
            # As in other readers, fields after the first two are ignored.
            name, tracklet = (*map(str.strip, line.split(',')), '')[:2]
            if not tracklet.isdecimal():
                raise DatasetError(f'{path}:{number}: the line must be <file name>,<tracklet>, but is {line!r}')
            tracklets[Path(name).stem] = int(tracklet)
    return tracklets
