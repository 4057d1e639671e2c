"""Figure of `eval/figure3.py`: photos in columns, models in rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from eval.figure3 import TRIPLE
from ifd_zoo.explain.overlays import attention_overlay, colour_bar
from ifd_zoo.images.sheets import sheet, write

BOX = (300, 360)  # width and height in pixels that photos are fitted into
GAP, EDGE, FRAME = 12, 28, 5  # pixels: between cells, around the sheet, around a photo
INK, MUTED, BACKGROUND = (36, 41, 47), (87, 96, 106), 'white'
RIGHT, WRONG = (26, 127, 55), (207, 34, 46)
POSITIVE, NEGATIVE = 'same person, other clothes', 'another person, similar clothes'


class ModelRow(NamedTuple):
    name: str
    heatmaps: Sequence[np.ndarray]
    """Heatmaps of anchor, positive and negative, each (H, W) in [0, 1] at the size of the fitted photo."""
    similarities: tuple[float, float]
    """Cosine similarity of positive and of negative to the anchor."""


def fit(photo: Image.Image) -> Image.Image:
    """Resize a photo to fit into `BOX`, keeping its aspect ratio."""
    return ImageOps.contain(photo.convert('RGB'), BOX, Image.Resampling.BICUBIC)


def draw_sheet(
    photos: Sequence[Image.Image], rows: Sequence[ModelRow], caption: str, negative: str = NEGATIVE
) -> Image.Image:
    """Draw anchor, positive and negative with their heatmaps and the similarities to the anchor below.

    The larger of a model's two similarities is marked: green and "right" for the positive, red and "wrong" for the
    negative; a tie is not marked.

    Args:
        photos: three, as `fit` returns them.
        rows: one per model.
        caption: text below the figure, wrapped.
        negative: short description of the negative.
    """
    remarks = zip(TRIPLE, ('', POSITIVE, negative), strict=True)
    heads = [sheet([[write(title, 20, INK)], [write(remark, 13, MUTED)]]) for title, remark in remarks]
    names = [write(name.replace('.', '\n.', 1), 16, INK, align=1) for name in ('photo', *(row.name for row in rows))]
    cells = [[_framed(photo) for photo in photos], *(_draw_cells(photos, row) for row in rows)]
    lines = [[None, *heads], *([name, *line] for name, line in zip(names, cells, strict=True))]
    body, bar = sheet(lines, GAP, align=(1, 0.5)), _colour_bar()
    foot = sheet([[write(caption, 13, MUTED, body.width - bar.width - 2 * GAP), bar]], 2 * GAP)
    return sheet([[body], [foot]], GAP, EDGE, align=(0,))


def _draw_cells(photos: Sequence[Image.Image], row: ModelRow) -> list[Image.Image]:
    """Draw a model's heatmaps over the photos, and the similarities of positive and negative below."""
    cells = [attention_overlay(photo, heat, opacity=0.6) for photo, heat in zip(photos, row.heatmaps, strict=True)]
    texts = [(f'{value:.3f}', MUTED) for value in row.similarities]
    if row.similarities[0] != row.similarities[1]:
        larger = int(row.similarities[1] > row.similarities[0])
        colour, verdict = ((RIGHT, 'right'), (WRONG, 'wrong'))[larger]
        texts[larger] = f'{texts[larger][0]}  {verdict}', colour
    texts = ('', MUTED), *texts
    return [
        sheet([[_framed(cell, BACKGROUND if colour == MUTED else colour)], [write(text, 20, colour)]])
        for cell, (text, colour) in zip(cells, texts, strict=True)
    ]


def _framed(picture: Image.Image, colour: str | tuple[int, int, int] = BACKGROUND) -> Image.Image:
    return ImageOps.expand(picture, FRAME, colour)


def _colour_bar() -> Image.Image:
    return sheet([[write('none', 13, MUTED), colour_bar(BOX[0] // 3, 13), write('most', 13, MUTED)]], 6)
