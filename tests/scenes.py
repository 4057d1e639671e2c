"""Photos of people for whom a look at the colours is enough, and a parser that does so."""

import numpy as np
from PIL import Image

from ifd_zoo.labels import LABELS

SMALL, LARGE = (40, 60, 60, 120), (200, 30, 260, 210)
"""Boxes of people."""
GREEN, RED, BLUE = (0, 160, 0), (200, 0, 0), (0, 0, 200)


class ColourParser:
    """Sees hair in red and a dress in blue, at any size."""

    def identify(self):
        return 'colours'

    def parse(self, images):
        maps = []
        for image in images:
            red, green, blue = np.moveaxis(np.asarray(image.convert('RGB')).astype(int), 2, 0)
            label_map = np.where(red > green, LABELS.index('hair'), 0)
            maps.append(np.where(blue > green, LABELS.index('dress'), label_map).astype(np.uint8))
        return maps


def scene(*boxes, size=(320, 240), head=True):
    """Green, with somebody in each box: the upper quarter is the head, the rest is the body."""
    image = Image.new('RGB', size, GREEN)
    for left, top, right, bottom in boxes:
        neck = top + (bottom - top) // 4
        image.paste(RED if head else BLUE, (left, top, right, neck))
        image.paste(BLUE, (left, neck, right, bottom))
    return image


def full_scene():
    """Somebody who fills the photo."""
    return scene((10, 10, 110, 230), size=(120, 240))
