"""Finds the people in whole photos with a parser that was made for crops of one person.

Such a parser takes for granted that a person fills what it sees: small people it misses, and where there is nobody it
sees parts of one. So the boxes are chosen in steps:

1. The photo is parsed as it is, letterboxed into the parser's input. Where the crop of the largest person would take
   `FILLED` of the photo or more, the photo is a crop already, and stays.
2. Else the parser also looks into upright windows as high as the photo, each half beside the next; and where all that
   follows finds nobody in them, into such that are half as high.
3. In each window, what is not background falls into connected parts. Those of the shape of somebody are candidates.
4. Each candidate is looked at as a crop of its own, which moves its box onto the person, and is dropped where that
   shows no head above a body. Of the boxes on one place, that on which most agree stays.
5. These are looked at again. Where the box moves, there was nobody.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from ifd_zoo.images.loading import ImageError
from ifd_zoo.masks import class_mask
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.labelmap import LabelMaps
from ifd_zoo.parsing.parser import NoParser
from ifd_zoo.parsing.registry import HumanParser

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, as Pillow has them."""

FILLED = 2 / 3
"""Share of a photo from which on a crop is not worth to be made."""
MARGIN = 0.06
"""Around a person in the crop, of the person's height."""
SHAPE = 2
"""Height over width of windows, and of crops at most: that of what parsers and models are trained on."""
SCALES = (1, 0.5)
"""Heights of the windows, of the photo's."""
ROW, MOST = 40, 2
"""Windows in a row beside the first, at most, so that a panorama does not take minutes; and candidates in a window."""
SEEN = 256
"""Pixels of the longer side of a window when it is parsed."""
GRID = 160
"""Pixels of the longer side of the map in which connected parts are looked for."""
AROUND = 0.15
"""What is looked at around a candidate, of its height: where more of the person may be."""
SMALLEST = 0.15
"""Least height of a person, of the photo's."""
SAME, INSIDE, STILL = 0.7, 0.7, 0.7
"""Least intersection over union of boxes that agree, least share of a box inside of another that makes it a part of
that, and least intersection over union of a box with itself when it is looked at again."""
TOP = 0.4
"""Share of the rows of a body, the upper ones, above which a head is."""
HEAD, BODY = ('hair', 'face', 'hat'), ('upper', 'lower', 'dress', 'coat', 'arms', 'legs')
NOBODY = 'no person found'
"""What is told of a photo that is set aside."""


class _Part(NamedTuple):
    box: Box
    """In the photo, without margin."""
    pixels: float
    """Number of the photo's pixels that are not background."""


def find_people(images: Sequence[Image.Image], parser: HumanParser) -> list[list[Box]]:
    """Boxes of the crops of the people in each photo, the largest first; that of all of it where one person fills it.

    Args:
        images: RGB.
        parser: one that can look at any part of them, unlike label maps on disk.
    """
    return [
        _find(image, label_map, parser) for image, label_map in zip(images, parser.parse(images), strict=True)
    ]


def cut_people(images: Sequence[Image.Image], names: Sequence[str], parser: HumanParser) -> list[Image.Image]:
    """The crop of the largest person in each photo; a photo that a person fills comes back as the same object.

    Raises:
        ImageError: there is nobody in a photo; it has the name of that one.
    """
    crops = []
    for image, name, boxes in zip(images, names, find_people(images, parser), strict=True):
        if not boxes:
            raise ImageError(name, f'{NOBODY}; leave it out, or cut the person out by hand')
        crops.append(cut_out(image, boxes[0]))
    return crops


def has_sight(parser: HumanParser) -> bool:
    """Whether a parser looks at photos, as label maps on disk do not, nor `none`."""
    return not isinstance(parser, (NoParser, LabelMaps))


def require_sight(parser: HumanParser) -> None:
    """Raise ParserError where a parser does not look at photos."""
    if not has_sight(parser):
        raise ParserError(f'people are found by a parser that looks at photos, not by {parser.identify()}')


def cut_out(image: Image.Image, box: Box) -> Image.Image:
    """The crop of a box; the same object where that is the whole image."""
    return image if box == (0, 0, *image.size) else image.crop(box)


def _find(image: Image.Image, label_map: np.ndarray, parser: HumanParser) -> list[Box]:
    found = _parts(label_map, (0, 0, *image.size))
    if found and _area(crop_box(found[0].box, image.size)) >= FILLED * image.width * image.height:
        return [(0, 0, *image.size)]
    for scale in SCALES:
        found += [part for _, parts in _look(image, _windows(image.size, scale), parser) for part in parts[:MOST]]
        if people := _people_of(image, found, parser):
            return people
    return []


def _people_of(image: Image.Image, found: Sequence[_Part], parser: HumanParser) -> list[Box]:
    """Boxes of the crops of those candidates that turn out to be people, the largest first."""
    found = [part for part in found if _has_shape(part.box, image.size)]
    seen = _one_each([part for part in _seen_closer(image, found, parser) if part])
    again = _seen_closer(image, seen, parser)
    kept = [new for old, new in zip(seen, again, strict=True) if new and overlap(old.box, new.box) >= STILL]
    return sorted((crop_box(part.box, image.size) for part in _one_each(kept)), key=_area, reverse=True)


def _seen_closer(image: Image.Image, parts: Sequence[_Part], parser: HumanParser) -> list[_Part | None]:
    """What a look at each part as a crop makes of it; None for what is nobody."""
    looks = _look(image, [crop_box(part.box, image.size, AROUND) for part in parts], parser)
    closer = [found[0] if _shows_person(label_map) else None for label_map, found in looks]
    return [part if part and _has_shape(part.box, image.size) else None for part in closer]


def _windows(size: tuple[int, int], scale: float) -> list[Box]:
    height = scale * size[1]
    sides = min(size[0], height / SHAPE), height
    # Each half beside the next, or nearer, so that the last one ends with the photo.
    numbers = (1 + min(ROW, math.ceil(2 * (a / b - 1))) for a, b in zip(size, sides, strict=True))
    across, down = (np.linspace(0, a - b, n) for a, b, n in zip(size, sides, numbers, strict=True))
    return [_rounded((x, y, x + sides[0], y + sides[1])) for y in down for x in across]


def _look(
    image: Image.Image, windows: Sequence[Box], parser: HumanParser
) -> Iterator[tuple[np.ndarray, list[_Part]]]:
    """For each window its label map, and the parts of it at their place in the photo."""
    crops = [image.crop(window) for window in windows]
    for crop in crops:
        crop.thumbnail((SEEN, SEEN))
    maps = parser.parse(crops) if crops else []
    yield from ((label_map, _parts(label_map, window)) for window, label_map in zip(windows, maps, strict=True))


def _parts(label_map: np.ndarray, window: Box) -> list[_Part]:
    """Connected parts of what is not background, the one of most pixels first.

    Args:
        window: place in the photo that the label map shows.
    """
    from contourpy import contour_generator  # late: who has crops need not wait for it

    mask = Image.fromarray((label_map > 0).astype(np.uint8))
    mask.thumbnail((GRID, GRID), Image.Resampling.NEAREST, reducing_gap=None)
    # Gaps of a pixel or two, as at a belt, part nobody.
    closed = np.pad(np.asarray(mask.filter(ImageFilter.MaxFilter(3))), 1).astype(float)
    points, starts = contour_generator(z=closed, fill_type='OuterOffset').filled(0.5, 2)
    scale, corner = np.divide(_sides(window), mask.size), np.array(window[:2])
    parts = []
    for outline, ends in zip(points, starts, strict=True):
        outer = np.clip(outline[: ends[1]] - 0.5, 0, mask.size)
        low, high = outer.min(0), outer.max(0)
        inside = np.asarray(mask)[math.floor(low[1]) : math.ceil(high[1]), math.floor(low[0]) : math.ceil(high[0])]
        box = _rounded((*(corner + low * scale), *(corner + high * scale)))
        parts.append(_Part(box, inside.sum() * scale.prod()))
    return sorted(parts, key=lambda part: -part.pixels)


def _has_shape(box: Box, size: tuple[int, int]) -> bool:
    """Whether a box is of the height and shape of somebody who stands or sits."""
    width, height = _sides(box)
    return height >= max(SMALLEST * size[1], width)


def _shows_person(label_map: np.ndarray) -> bool:
    """Whether a crop shows a head above a body."""
    head, body = (class_mask(label_map, classes).nonzero()[0] for classes in (HEAD, BODY))
    return bool(len(head) and len(body)) and np.median(head) < np.quantile(body, TOP)


def _one_each(parts: Sequence[_Part]) -> list[_Part]:
    """Keep, of the parts on one place, that on which most agree; the order decides between equals."""
    votes = [sum(overlap(one.box, other.box) >= SAME for other in parts) for one in parts]
    kept: list[_Part] = []
    for place in sorted(range(len(parts)), key=lambda place: -votes[place]):
        if not any(_is_inside(parts[place].box, other.box) for other in kept):
            kept.append(parts[place])
    return kept


def crop_box(box: Box, size: tuple[int, int], around: float = MARGIN) -> Box:
    """The box of a person with a margin, and as wide as a crop is, as far as a photo of (width, height) reaches.

    Args:
        around: the margin, of the box's height.
    """
    width, height = _sides(box)
    high = (1 + 2 * around) * height
    wide = max(width + high - height, high / SHAPE)
    left, top = box[0] + (width - wide) / 2, box[1] + (height - high) / 2
    return _rounded(np.clip([left, top, left + wide, top + high], 0, [*size, *size]))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]."""
    shared = _shared(one, other)
    return shared / (_area(one) + _area(other) - shared)


def _is_inside(one: Box, other: Box) -> bool:
    return _shared(one, other) >= INSIDE * min(_area(one), _area(other))


def _shared(one: Box, other: Box) -> int:
    common = (*np.maximum(one[:2], other[:2]), *np.minimum(one[2:], other[2:]))
    return _area(common) if min(_sides(common)) > 0 else 0


def _area(box: Box) -> int:
    return math.prod(_sides(box))


def _sides(box: Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _rounded(box: Sequence[float]) -> Box:
    return tuple(int(round(value)) for value in box)
