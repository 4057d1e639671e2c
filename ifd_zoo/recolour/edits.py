"""Edits of the clothes in a photo: `Recolour` and `Swap`, as values that can be compared, stored and sent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ifd_zoo.labels import LABELS, MASK_SETS, class_indices
from ifd_zoo.masks import class_mask
from ifd_zoo.recolour.colour import from_linear, from_oklab, parse_colour, to_linear, to_oklab
from ifd_zoo.recolour.folds import apply_folds, find_folds, swap_looks
from ifd_zoo.recolour.patterns import PATTERNS
from ifd_zoo.recolour.seams import blend

COLOURABLE = MASK_SETS['with_hat']
"""Classes that can be edited: everything worn, and no part of the body."""

SCALES = (0.005, 0.5)
"""Smallest and largest period of a pattern, relative to the person's height."""

BEND = 0.12  # shift of a pattern on a deep fold, in periods
DEEP = 0.2  # change of log L on a deep fold


@dataclass(frozen=True)
class Recolour:
    """Another colour for clothes, plain or patterned; the folds stay.

    Args:
        classes: names from `COLOURABLE`; a photo must show at least one of them, others are skipped.
        colour: (red, green, blue), integers from 0 to 255, or `#rrggbb`.
        pattern: name from `PATTERNS`.
        second: the pattern's other colour; None if and only if the pattern is `plain`.
        scale: the pattern's period relative to the person's height, within `SCALES`.

    Raises:
        ValueError: one of them is invalid.
    """

    classes: tuple[str, ...]
    colour: tuple[int, int, int]
    pattern: str = 'plain'
    second: tuple[int, int, int] | None = None
    scale: float = 0.05

    def __post_init__(self) -> None:
        # Normalised, so that equal edits are equal values.
        object.__setattr__(self, 'classes', _checked_classes(self.classes))
        object.__setattr__(self, 'colour', parse_colour(self.colour))
        if not isinstance(self.pattern, str) or self.pattern not in PATTERNS:
            raise ValueError(f'pattern must be one of {", ".join(PATTERNS)}, got {self.pattern!r}')
        if (self.second is None) != (self.pattern == 'plain'):
            raise ValueError(f'second must be a colour for a pattern and none for plain cloth, got {self.second!r}')
        if self.second is not None:
            object.__setattr__(self, 'second', parse_colour(self.second))
        if type(self.scale) not in (int, float) or not SCALES[0] <= self.scale <= SCALES[1]:
            raise ValueError(f'scale must be a number from {SCALES[0]} to {SCALES[1]}, got {self.scale!r}')

    def applies(self, label_map: np.ndarray) -> bool:
        """Return whether the label map shows one of the classes."""
        return bool(class_mask(label_map, self.classes).any())

    def apply(self, photo: Image.Image, label_map: np.ndarray) -> Image.Image:
        """Return the edited photo (RGB).

        Args:
            photo: RGB.
            label_map: (H, W) in `LABELS`.

        Raises:
            ValueError: the photo is not RGB, or the label map has another size or shows none of the classes.
        """
        mask = _mask(photo, label_map, self.classes)
        before = np.array(photo)
        after = before.copy()
        height = int(np.ptp(np.flatnonzero((label_map != LABELS.index('background')).any(axis=1)))) + 1
        # Each class by itself: a dark coat over a white shirt is not a fold.
        for label in class_indices(self.classes):
            rows, columns = np.nonzero(label_map == label)
            if len(rows):
                folds = find_folds(to_oklab(before[rows, columns]), to_linear(np.array(self.colour)))
                after[rows, columns] = from_linear(apply_folds(self._dye(rows, columns, folds, height), folds))
        return Image.fromarray(blend(before, after, mask))

    def _dye(self, rows: np.ndarray, columns: np.ndarray, folds: np.ndarray, height: int) -> np.ndarray:
        """Return the light of the cloth under even lighting, (3,) or (N, 3), at N pixels."""
        dye = to_linear(np.array(self.colour))
        if self.pattern == 'plain':
            return dye
        period = max(2.0, self.scale * height)
        bend = (BEND * period) * np.clip(folds / DEEP, -1, 1)
        share = PATTERNS[self.pattern](columns - columns.mean() + bend, rows - rows.min() + bend, period)
        return dye + share.astype(np.float32)[:, None] * (to_linear(np.array(self.second)) - dye)


@dataclass(frozen=True)
class Swap:
    """Swapped looks (colour, contrast and brightness) of two groups of clothes; each keeps its pattern and its folds.

    Args:
        classes, others: disjoint names from `COLOURABLE`; a photo must show at least one of each group.

    Raises:
        ValueError: one of them is invalid.
    """

    classes: tuple[str, ...]
    others: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'classes', _checked_classes(self.classes))
        object.__setattr__(self, 'others', _checked_classes(self.others))
        both = set(self.classes) & set(self.others)
        if both:
            raise ValueError(f'clothes cannot be swapped with themselves: {", ".join(sorted(both))}')

    def applies(self, label_map: np.ndarray) -> bool:
        """Return whether the label map shows at least one class of each group."""
        return all(class_mask(label_map, names).any() for names in (self.classes, self.others))

    def apply(self, photo: Image.Image, label_map: np.ndarray) -> Image.Image:
        """Return the edited photo, as `Recolour.apply`; the label map must show at least one class of each group."""
        masks = [_mask(photo, label_map, names) for names in (self.classes, self.others)]
        before = np.array(photo)
        after = before.copy()
        looks = swap_looks(*(to_oklab(before[mask]) for mask in masks))
        for mask, look in zip(masks, looks, strict=True):
            after[mask] = from_oklab(look)
        return Image.fromarray(blend(before, after, masks[0] | masks[1]))


Edit = Recolour | Swap


def _checked_classes(names: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(names, (list, tuple)) or not names or not all(name in COLOURABLE for name in names):
        raise ValueError(f'classes must be one or more of {", ".join(COLOURABLE)}, got {names!r}')
    return tuple(dict.fromkeys(names))


def _mask(photo: Image.Image, label_map: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    mask = class_mask(label_map, names)
    if photo.mode != 'RGB':
        raise ValueError(f'the photo must be RGB, got {photo.mode}: use ifd_zoo.images.loading.load_image')
    if mask.shape != (photo.height, photo.width):
        raise ValueError(f'a label map of size {mask.shape} for a photo of size {(photo.height, photo.width)} (H, W)')
    if not mask.any():
        raise ValueError(f'the photo shows no {" or ".join(names)}: choose clothes that are in its label map')
    return mask
