"""The picture of `eval/parsing.py`: persons with what the attention stream sees of them, and their label maps."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ifd_zoo.explain import label_map_picture
from ifd_zoo.masks import class_mask

CELL = (84, 168)  # pixels, width and height of each of the three pictures of a person
GAP, LINE = 8, 20
COLUMNS = 6


class Case(NamedTuple):
    image: Image.Image
    label_map: np.ndarray
    """(H, W) of the image's size."""
    caption: str


def draw_cases(groups: dict[str, Sequence[Case]]) -> Image.Image:
    """A row for each group: of every case the image, the image with its clothing erased, and the label map."""
    font = ImageFont.load_default(13)
    width, height = 3 * CELL[0] + GAP, CELL[1] + LINE + GAP
    rows = sum(-(-len(cases) // COLUMNS) for cases in groups.values())
    size = (COLUMNS * (width + GAP) + GAP, rows * height + len(groups) * LINE + GAP)
    sheet = Image.new('RGB', size, 'white')
    draw, top = ImageDraw.Draw(sheet), GAP // 2
    for title, cases in groups.items():
        draw.text((GAP, top), title, 'black', font)
        top += LINE
        for index, case in enumerate(cases):
            row, column = divmod(index, COLUMNS)
            corner = GAP + column * (width + GAP), top + row * height
            for place, picture in enumerate(_pictures(case)):
                sheet.paste(ImageOps.pad(picture, CELL, color='white'), (corner[0] + place * CELL[0], corner[1]))
            draw.text((corner[0], corner[1] + CELL[1] + 2), case.caption, 'black', font)
        top += -(-len(cases) // COLUMNS) * height
    return sheet


def _pictures(case: Case) -> tuple[Image.Image, Image.Image, Image.Image]:
    pixels = np.array(case.image)
    pixels[class_mask(case.label_map)] = 0
    return case.image, Image.fromarray(pixels), label_map_picture(case.label_map)
