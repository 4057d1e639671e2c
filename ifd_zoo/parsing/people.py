"""Person detection in whole photos with a parser made for crops of one person.

Such a parser assumes that a person fills its input: it misses small people, and finds body parts where there is nobody.
So the boxes are found in steps:

1. The photo is parsed as it is, letterboxed into the parser's input. If the crop of the largest person would cover
   `WHOLE_PHOTO_SHARE` of the photo or more, the photo already is a crop and is kept whole.
2. Otherwise the parser also runs on upright windows as high as the photo, which overlap by half; and, if the next steps
   find nobody in them, on windows half as high.
3. In each window, the foreground is split into connected parts. Those with the shape of a person are candidates.
4. Each candidate is parsed again as a crop, which moves its box onto the person; it is dropped if the crop shows no
   head above a body. Of the boxes in one place, the one that most others agree with is kept.
5. These are parsed once more. If the box moves, there was nobody.
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
"""Left, top, right and bottom in pixels, as in Pillow."""

WHOLE_PHOTO_SHARE = 2 / 3
"""Minimum share of a photo covered by the crop of a person at which the photo is kept whole."""
MARGIN = 0.06
"""Margin around a person in the crop, relative to the person's height."""
SHAPE = 2
"""Height over width of windows, and the maximum for crops: that of the crops that parsers and models are trained on."""
SCALES = (1, 0.5)
"""Heights of the windows, relative to the photo's."""
ROW, MOST = 40, 2
"""Maximum windows in a row beside the first, which bounds the work for a panorama; and candidates in a window."""
WINDOW_SIDE = 256
"""Maximum side in pixels of a window when it is parsed."""
GRID = 160
"""Maximum side in pixels of the map in which connected parts are found."""
CANDIDATE_MARGIN = 0.15
"""Margin around a candidate when it is parsed as a crop, relative to its height: it may show more of the person."""
SMALLEST = 0.15
"""Minimum height of a person, relative to the photo's."""
SAME, INSIDE, STILL = 0.7, 0.7, 0.7
"""Minimum intersection over union of boxes that agree, minimum share of the smaller of two boxes inside the other that
makes them one person, and minimum intersection over union of a box before and after it is parsed once more."""
TOP = 0.4
"""Quantile of a body's rows, from the top, above which the median row of the head must lie."""
HEAD, BODY = ('hair', 'face', 'hat'), ('upper', 'lower', 'dress', 'coat', 'arms', 'legs')
NOBODY = 'no person found'
"""Reason given for a photo without a person."""


class _Part(NamedTuple):
    box: Box
    """Box in the photo, without margin."""
    pixels: float
    """Number of foreground pixels, at the photo's resolution."""


def find_people(images: Sequence[Image.Image], parser: HumanParser) -> list[list[Box]]:
    """Find the crop boxes of the people in each photo, largest first; the whole photo if one person fills it.

    Args:
        images: RGB.
        parser: a parser that can parse any part of a photo, unlike label maps on disk.
    """
    return [
        _find(image, label_map, parser) for image, label_map in zip(images, parser.parse(images), strict=True)
    ]


def crop_people(images: Sequence[Image.Image], names: Sequence[str], parser: HumanParser) -> list[Image.Image]:
    """Crop the largest person from each photo; a photo that a person fills is returned as the same object.

    Raises:
        ImageError: a photo shows nobody; the error has the name of the photo.
    """
    crops = []
    for image, name, boxes in zip(images, names, find_people(images, parser), strict=True):
        if not boxes:
            raise ImageError(name, f'{NOBODY}; leave it out, or cut the person out by hand')
        crops.append(crop_to(image, boxes[0]))
    return crops


def parses_pixels(parser: HumanParser) -> bool:
    """Return whether a parser looks at the pixels of photos, unlike label maps on disk and `none`."""
    return not isinstance(parser, (NoParser, LabelMaps))


def require_pixel_parser(parser: HumanParser) -> None:
    """Raise ParserError if a parser does not look at the pixels of photos."""
    if not parses_pixels(parser):
        raise ParserError(f'finding people needs a parser that looks at photos, unlike {parser.identify()}')


def crop_to(image: Image.Image, box: Box) -> Image.Image:
    """Crop the image to a box; return the same object if that is the whole image."""
    return image if box == (0, 0, *image.size) else image.crop(box)


def _find(image: Image.Image, label_map: np.ndarray, parser: HumanParser) -> list[Box]:
    found = _parts(label_map, (0, 0, *image.size))
    if found and _area(crop_box(found[0].box, image.size)) >= WHOLE_PHOTO_SHARE * image.width * image.height:
        return [(0, 0, *image.size)]
    for scale in SCALES:
        parsed = _parse_windows(image, _windows(image.size, scale), parser)
        found += [part for _, parts in parsed for part in parts[:MOST]]
        if people := _people_of(image, found, parser):
            return people
    return []


def _people_of(image: Image.Image, found: Sequence[_Part], parser: HumanParser) -> list[Box]:
    """Return the crop boxes of the candidates that turn out to be people, largest first."""
    found = [part for part in found if _has_shape(part.box, image.size)]
    seen = _suppress_duplicates([part for part in _reparse_parts(image, found, parser) if part])
    again = _reparse_parts(image, seen, parser)
    kept = [new for old, new in zip(seen, again, strict=True) if new and overlap(old.box, new.box) >= STILL]
    return sorted((crop_box(part.box, image.size) for part in _suppress_duplicates(kept)), key=_area, reverse=True)


def _reparse_parts(image: Image.Image, parts: Sequence[_Part], parser: HumanParser) -> list[_Part | None]:
    """Parse each part again as a crop and return the part found there, or None if it is not a person."""
    looks = _parse_windows(image, [crop_box(part.box, image.size, CANDIDATE_MARGIN) for part in parts], parser)
    closer = [found[0] if _shows_person(label_map) else None for label_map, found in looks]
    return [part if part and _has_shape(part.box, image.size) else None for part in closer]


def _windows(size: tuple[int, int], scale: float) -> list[Box]:
    height = scale * size[1]
    sides = min(size[0], height / SHAPE), height
    # Half a window apart, or less, so that the last window ends at the edge of the photo.
    numbers = (1 + min(ROW, math.ceil(2 * (a / b - 1))) for a, b in zip(size, sides, strict=True))
    across, down = (np.linspace(0, a - b, n) for a, b, n in zip(size, sides, numbers, strict=True))
    return [_rounded((x, y, x + sides[0], y + sides[1])) for y in down for x in across]


def _parse_windows(
    image: Image.Image, windows: Sequence[Box], parser: HumanParser
) -> Iterator[tuple[np.ndarray, list[_Part]]]:
    """Yield the label map of each window, and its parts at their place in the photo."""
    crops = [image.crop(window) for window in windows]
    for crop in crops:
        crop.thumbnail((WINDOW_SIDE, WINDOW_SIDE))
    maps = parser.parse(crops) if crops else []
    yield from ((label_map, _parts(label_map, window)) for window, label_map in zip(windows, maps, strict=True))


def _parts(label_map: np.ndarray, window: Box) -> list[_Part]:
    """Return the connected parts of the foreground, the one with most pixels first.

    Args:
        window: area of the photo that the label map shows.
    """
    from contourpy import contour_generator  # late: not needed for crops, and slow to import

    mask = Image.fromarray((label_map > 0).astype(np.uint8))
    mask.thumbnail((GRID, GRID), Image.Resampling.NEAREST, reducing_gap=None)
    # Gaps of a pixel or two, as at a belt, must not split a person.
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
    """Return whether a box has the height and shape of a standing or sitting person."""
    width, height = _sides(box)
    return height >= max(SMALLEST * size[1], width)


def _shows_person(label_map: np.ndarray) -> bool:
    """Return whether a crop shows a head above a body."""
    head, body = (class_mask(label_map, classes).nonzero()[0] for classes in (HEAD, BODY))
    return bool(len(head) and len(body)) and np.median(head) < np.quantile(body, TOP)


def _suppress_duplicates(parts: Sequence[_Part]) -> list[_Part]:
    """Keep, of the parts in one place, the one that most others agree with; ties go to the first."""
    votes = [sum(overlap(one.box, other.box) >= SAME for other in parts) for one in parts]
    kept: list[_Part] = []
    for place in sorted(range(len(parts)), key=lambda place: -votes[place]):
        if not any(_is_inside(parts[place].box, other.box) for other in kept):
            kept.append(parts[place])
    return kept


def crop_box(box: Box, size: tuple[int, int], around: float = MARGIN) -> Box:
    """Return a person's box with a margin, widened to the shape of a crop and clipped to a photo of (width, height).

    Args:
        around: margin, relative to the box's height.
    """
    width, height = _sides(box)
    high = (1 + 2 * around) * height
    wide = max(width + high - height, high / SHAPE)
    left, top = box[0] + (width - wide) / 2, box[1] + (height - high) / 2
    return _rounded(np.clip([left, top, left + wide, top + high], 0, [*size, *size]))


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union, in [0, 1]."""
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
