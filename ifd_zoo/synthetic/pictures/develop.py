"""Conversion of samples to an image with camera degradations."""

import numpy as np

from ifd_zoo.synthetic.pictures import degrade
from ifd_zoo.synthetic.pictures.camera import to_pixels
from ifd_zoo.synthetic.pictures.chances import Chances


def developed(canvas: np.ndarray, supersampling: int, chances: Chances) -> tuple[np.ndarray, dict[str, float | int]]:
    """Return the (H, W, 3) uint8 image, and the degradations applied to it.

    Args:
        canvas: (rows, columns, 3) uint8 on the grid of samples.
    """
    image = to_pixels(canvas, supersampling)
    clean = chances.happens['clean']
    motion, height, quality = 0.0, len(image), 100

    def happens(name: str) -> bool:
        return chances.happens[name] and not clean

    if chances.happens['tone']:
        image = degrade.toned(image, chances.of['tone'])
    if happens('motion'):
        image, motion = degrade.motion_blurred(image, chances.of['motion'])
    if happens('soft'):
        image = degrade.softened(image, chances.of['soft'])
    if happens('vignette'):
        image = degrade.vignetted(image, chances.of['vignette'])
    if happens('low_resolution'):
        image, height = degrade.lowered(image, chances.of['low_resolution'])
    if happens('exposure'):
        image = degrade.exposed(image, chances.of['exposure'])
    if happens('sharpened'):
        image = degrade.sharpened(image, chances.of['sharpened'])
    if happens('noise'):
        image = degrade.noisy(image, chances.of['noise'])
    if happens('compression'):
        image, quality = degrade.compressed(image, chances.of['compression'])
    facts = {'clean': int(clean), 'motion': motion, 'seen_height': height, 'compression_quality': quality}
    return degrade.to_bytes(image), facts
