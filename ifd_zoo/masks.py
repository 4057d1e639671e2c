"""The clothing mask of eq. 3 from a label map, and the clothing-masked image from the mask."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ifd_zoo.common.choices import FILLS
from ifd_zoo.labels import CLOTHING, LABELS, class_indices


def class_mask(label_map: np.ndarray, classes: Iterable[str] = CLOTHING) -> np.ndarray:
    """Return the mask of the given classes.

    Args:
        label_map: (H, W) integers, values in `range(len(LABELS))`.
        classes: names from `LABELS` or `MASK_SETS`.

    Returns:
        (H, W) bool, True where the label map shows one of the classes.

    Raises:
        ValueError: the map is not two-dimensional, holds a value outside the label set, or a name is unknown.
    """
    label_map = np.asarray(label_map)
    require_labels(label_map)
    table = np.zeros(len(LABELS), dtype=bool)
    table[list(class_indices(classes))] = True
    return table[label_map]


def require_labels(label_map: np.ndarray) -> None:
    """Raise ValueError if the map is not two-dimensional or holds a value outside the label set."""
    if label_map.ndim != 2:
        raise ValueError(f'a label map has two dimensions, got shape {label_map.shape}')
    if label_map.size and (label_map.min() < 0 or label_map.max() >= len(LABELS)):
        raise ValueError(f'label {label_map.max()} is outside the label set of {len(LABELS)} classes')


ERASED_SHARE = 0.1
"""A pixel of a resized image is erased if more than this share was clothing; low, so that edges show none of it."""
CLOTHING_SHARE = 0.5
"""A pixel of a resized image belongs to psi if at least this share of it was clothing."""

def erase(image: Tensor, mask: Tensor, fill: str = 'black', noise: Tensor | None = None) -> Tensor:
    """Return the clothing-masked image M: pixels under the mask are replaced, all others stay (section II, Fig. 2).

    Args:
        image: (..., 3, H, W) in [0, 1], before normalisation.
        mask: (..., 1, H, W), True or non-zero where pixels are erased.
        fill: `black`, `mean` (mean colour of the pixels that stay) or `noise` (uniform in [0, 1]).
        noise: (3, H, W) or as `image`, for the fill `noise`; drawn if not given.

    Raises:
        ValueError: `fill` is none of these.
    """
    mask = mask.bool()
    if fill == 'black':
        return image.masked_fill(mask, 0.0)
    if fill == 'mean':
        kept = (~mask).to(image.dtype)
        mean = (image * kept).sum((-2, -1), keepdim=True) / kept.sum((-2, -1), keepdim=True).clamp(min=1)
        return torch.where(mask, mean, image)
    if fill == 'noise':
        return torch.where(mask, torch.rand_like(image) if noise is None else noise, image)
    raise ValueError(f'fill must be one of {", ".join(FILLS)}, got {fill!r}')
