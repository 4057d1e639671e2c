"""Contact sheet of `eval/parsing.py`: each person as input of the main and attention stream, and the label map."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ifd_zoo.explain.overlays import label_map_picture, masked_picture
from ifd_zoo.images.sheets import in_rows, sheet, write
from ifd_zoo.masks import class_mask

CELL = (84, 168)  # width and height in pixels of each of the three pictures per person
GAP = 8
COLUMNS = 6


class Case(NamedTuple):
    image: Image.Image
    label_map: np.ndarray
    """(H, W), the size of the image."""
    caption: str


def draw_cases(groups: dict[str, Sequence[Case]]) -> Image.Image:
    """Draw a section per group: for each case the image, the image with clothing erased, and the label map."""
    rows = [[picture] for title, cases in groups.items() for picture in (write(title), _group(cases))]
    return sheet(rows, GAP // 2, GAP, align=(0,))


def _group(cases: Sequence[Case]) -> Image.Image:
    return sheet(in_rows([_cell(case) for case in cases], COLUMNS), GAP)


def _cell(case: Case) -> Image.Image:
    clothing = class_mask(case.label_map)
    pictures = case.image, masked_picture(case.image, clothing), label_map_picture(case.label_map)
    row = sheet([[ImageOps.pad(picture, CELL, color='white') for picture in pictures]])
    return sheet([[row], [write(case.caption, width=row.width)]], align=(0,))
