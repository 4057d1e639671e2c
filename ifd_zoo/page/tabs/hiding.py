"""Hiding face, clothes or background in a photo from both streams of a model, to see which of them it needs."""

import numpy as np
from PIL import Image

from ifd_zoo.labels import CLOTHING
from ifd_zoo.masks import class_mask

PARTS = {'face': ('face', 'hair', 'hat'), 'clothes': CLOTHING, 'background': ('background',)}
"""Name -> classes of the parts that can be hidden."""


def hide(photo: Image.Image, label_map: np.ndarray, part: str) -> Image.Image:
    """Fill one of `PARTS` of the photo with the mean colour of the rest.

    Args:
        photo: RGB.
        label_map: (H, W) indices into `LABELS`, of the photo's size.

    Raises:
        ValueError: the photo does not show this part, or shows nothing else.
    """
    hidden = class_mask(label_map, PARTS[part])
    if not hidden.any() or hidden.all():
        raise ValueError(f'The photo shows {"nothing but" if hidden.any() else "no"} {part}: nothing can be hidden.')
    pixels = np.asarray(photo.convert('RGB')).copy()
    pixels[hidden] = pixels[~hidden].mean(0)
    return Image.fromarray(pixels)
