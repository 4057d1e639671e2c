"""What a model needs of a person: a part of the photo is hidden from both of its streams."""

import numpy as np
from PIL import Image

from ifd_zoo.labels import CLOTHING
from ifd_zoo.masks import class_mask

PARTS = {'face': ('face', 'hair', 'hat'), 'clothes': CLOTHING, 'background': ('background',)}
"""Name to classes of what can be hidden."""


def hide(photo: Image.Image, label_map: np.ndarray, part: str) -> Image.Image:
    """The photo with one of `PARTS` in the mean colour of the rest.

    Args:
        photo: RGB.
        label_map: (H, W) in `LABELS`, of the photo's size.

    Raises:
        ValueError: the photo shows nothing of it, or nothing else.
    """
    hidden = class_mask(label_map, PARTS[part])
    if not hidden.any() or hidden.all():
        raise ValueError(f'The photo shows {"nothing but" if hidden.any() else "no"} {part}: nothing can be hidden.')
    pixels = np.asarray(photo.convert('RGB')).copy()
    pixels[hidden] = pixels[~hidden].mean(0)
    return Image.fromarray(pixels)
