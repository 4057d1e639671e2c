"""Sources of training label maps, and the mapping of their classes to our label set.

A class that does not separate some of ours (Clothing Co-Parsing's `skin` is face, arms, legs and neck) is mapped to a
*set* of labels; the loss then only requires the prediction to be in the set. A label map in training holds positions in
`TARGETS`: below `len(LABELS)` a single class, from there on such a set.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ifd_zoo.common.errors import ZooError
from ifd_zoo.datasets.base import DatasetError, read_image, read_label_map
from ifd_zoo.images.formats import list_pictures
from ifd_zoo.labels import CLOTHING, LABELS


class SourceError(ZooError, ValueError):
    """Training images or their label maps are invalid; the message names the file."""


Pair = tuple[Path, Path]
"""Paths of an image and of its label map."""

BODY = ('face', 'arms', 'legs', 'neck')

CLOTHING_CO_PARSING = {
    'null': ('background',),
    'accessories': ('accessory', 'bag', 'arms', 'neck', 'face', 'hair', 'hat'),  # fans, cups, cameras, bangles, bows
    'bag': ('bag',),
    'belt': ('accessory',),
    'blazer': ('coat', 'upper'),  # our coats reach the thigh; here they are not separated from shorter jackets
    'blouse': ('upper',),
    'bodysuit': ('upper', 'dress', 'lower'),  # labelled on tops, dresses and one-piece suits
    'boots': ('shoes',),
    'bra': ('upper',),
    'bracelet': ('arms', 'upper', 'coat', 'dress'),  # on the wrist or on the cuff, like watches and rings
    'cape': ('coat',),
    'cardigan': ('coat', 'upper'),  # open or closed
    'clogs': ('shoes',),
    'coat': ('coat',),
    'dress': ('dress',),
    'earrings': ('face', 'hair', 'neck'),
    'flats': ('shoes',),
    'glasses': ('face', 'hair'),  # worn, or pushed up
    'gloves': ('accessory',),
    'hair': ('hair',),
    'hat': ('hat',),
    'heels': ('shoes',),
    'hoodie': ('upper', 'coat'),
    'intimate': ('upper', 'lower'),
    'jacket': ('coat', 'upper'),
    'jeans': ('lower',),
    'jumper': ('upper',),
    'leggings': ('lower',),
    'loafers': ('shoes',),
    'necklace': ('neck', 'upper', 'dress', 'coat'),
    'panties': ('lower',),
    'pants': ('lower',),
    'pumps': ('shoes',),
    'purse': ('bag',),
    'ring': ('arms', 'upper', 'coat', 'dress'),
    'romper': ('dress', 'upper', 'lower'),  # one-piece suits, dresses, pinafores over a blouse
    'sandals': ('shoes',),
    'scarf': ('accessory',),
    'shirt': ('upper',),
    'shoes': ('shoes',),
    'shorts': ('lower',),
    'skin': BODY,
    'skirt': ('lower',),
    'sneakers': ('shoes',),
    'socks': ('shoes', 'lower'),  # we have no class for socks; both are clothing
    'stockings': ('lower',),
    'suit': ('coat', 'lower', 'upper'),  # mostly the jacket, sometimes the trousers too
    'sunglasses': ('face', 'hair'),
    'sweater': ('upper',),
    'sweatshirt': ('upper',),
    'swimwear': ('dress', 'upper', 'lower'),
    't-shirt': ('upper',),
    'tie': ('accessory',),
    'tights': ('lower',),
    'top': ('upper',),
    'vest': ('upper', 'coat'),  # under a jacket, or over a shirt
    'wallet': ('bag',),
    'watch': ('arms', 'upper', 'coat', 'dress'),
    'wedges': ('shoes',),
}
"""Yang, Luo, Lin: "Clothing Co-Parsing by Joint Image Segmentation and Labeling", CVPR 2014; 59 classes, checked in the
photos where the name is ambiguous. https://github.com/bearpaw/clothing-co-parsing"""

TARGETS = tuple(dict.fromkeys([*((name,) for name in LABELS), *CLOTHING_CO_PARSING.values()]))
"""Distinct sets of labels that can be the target of a training pixel; the first `len(LABELS)` are single classes."""


def allowed_table() -> np.ndarray:
    """Return (len(TARGETS), len(LABELS)) bool, True for labels that satisfy a target."""
    return np.array([[name in names for name in LABELS] for names in TARGETS])


def clothing_targets() -> tuple[np.ndarray, np.ndarray]:
    """Return which targets are certainly clothing and which are ambiguous, both (len(TARGETS),) bool."""
    share = np.array([np.mean([name in CLOTHING for name in names]) for names in TARGETS])
    return share == 1, (share > 0) & (share < 1)


def target_lookup(names: Iterable[str]) -> np.ndarray:
    """Return a lookup table from a source's values to positions in `TARGETS`: (len(names),) uint8.

    Raises:
        SourceError: a name is not in `CLOTHING_CO_PARSING`.
    """
    names = tuple(names)
    unknown = sorted(set(names) - set(CLOTHING_CO_PARSING))
    if unknown:
        raise SourceError(f'no mapping for {", ".join(unknown)}: add a line to CLOTHING_CO_PARSING')
    return np.array([TARGETS.index(CLOTHING_CO_PARSING[name]) for name in names], dtype=np.uint8)


def read_label_names(path: Path) -> tuple[str, ...]:
    """Read the class names from a `label_names.txt` with lines `index<TAB>name`, in the order of the index.

    Raises:
        SourceError: the indices are not 0, 1, 2 ...
    """
    rows = [line.split('\t') for line in path.read_text().splitlines() if line.strip()]
    if [row[0] for row in rows] != [str(position) for position in range(len(rows))]:
        raise SourceError(f'{path}: expected lines "index<TAB>name" with indices 0, 1, 2 ...')
    return tuple(row[1] for row in rows)


def rendered_pairs(root: Path, folders: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """Yield image and label map of rendered people: `<folder>/<pid>/<clothes>/*.jpg`, `parsing/<same path>.png`.

    Raises:
        SourceError: a folder has no images, or an image has no label map.
    """
    for folder in folders:
        images = list_pictures(root / folder, '*/*/*')
        if not images:
            raise SourceError(f'no images <pid>/<clothes>/*.jpg in {root / folder}')
        for image in images:
            yield image, _existing(root / 'parsing' / image.relative_to(root).with_suffix('.png'))


def photo_pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield photo and label map of every photo: `photos/NNNN.jpg`, `labels/NNNN.png`.

    Raises:
        SourceError: there are no photos, or a photo has no label map.
    """
    photos = list_pictures(root / 'photos', '*')
    if not photos:
        raise SourceError(f'no photos NNNN.jpg in {root / "photos"}')
    for photo in photos:
        yield photo, _existing(root / 'labels' / f'{photo.stem}.png')


def split_photos(root: Path) -> tuple[list[Pair], list[Pair]]:
    """Split photos into training and validation; those whose number ends in 1 are for validation.

    Raises:
        SourceError: a photo's name is not a number.
    """
    pairs = list(photo_pairs(root))
    if odd := next((image for image, _ in pairs if not image.stem.isdecimal()), None):
        raise SourceError(f'{odd}: expected a number as the name, as in 0001.jpg, to select validation photos')
    held_out = [pair for pair in pairs if int(pair[0].stem) % 10 == 1]
    return [pair for pair in pairs if pair not in held_out], held_out


class Source:
    """Dataset of images and label maps, with label maps converted to positions in `TARGETS`.

    Args:
        pairs: paths of images and label maps.
        lookup: (classes of the source,) uint8; None if the maps already hold positions (rendered people).
    """

    def __init__(self, pairs: Sequence[Pair], lookup: np.ndarray | None = None) -> None:
        self.pairs = pairs
        self.lookup = lookup

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Image.Image, np.ndarray]:
        """Return an RGB image and (H, W) uint8 targets; errors as in `read_pair`."""
        if self.lookup is None:
            return read_pair(self.pairs[index], len(TARGETS))
        image, label_map = read_pair(self.pairs[index], len(self.lookup))
        return image, self.lookup[label_map]


def read_pair(pair: Pair, classes: int) -> tuple[Image.Image, np.ndarray]:
    """Read an RGB image, with its `filename`, and a label map (H, W) uint8 with values in `range(classes)`.

    Raises:
        SourceError: either file cannot be used, or they do not match.
    """
    try:
        image = read_image(pair[0])
        label_map = read_label_map(pair[1], image.size, classes)
    except DatasetError as error:
        raise SourceError(str(error)) from error
    image.filename = str(pair[0])  # as Pillow does; `LabelMaps` finds its files by it
    return image, label_map


def _existing(label_map: Path) -> Path:
    if not label_map.is_file():
        raise SourceError(f'label map is missing: {label_map}')
    return label_map
