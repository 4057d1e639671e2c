"""The picture of `eval/figure3.py`: photos in columns, models in rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from eval.figure3 import TRIPLE
from ifd_zoo.explain import attention_overlay, colour_map

BOX = (300, 360)  # pixels, width and height: what a photo is made to fit into
COLUMN = 190  # pixels, at least: room for the texts of a column
GAP, EDGE, FRAME = 18, 28, 5  # pixels: between cells, around everything, around a marked picture
HEAD, FOOT, LINE = 58, 34, 21  # pixels: above the columns, below each picture, per line of text
INK, MUTED, BACKGROUND = (36, 41, 47), (87, 96, 106), (255, 255, 255)
RIGHT, WRONG = (26, 127, 55), (207, 34, 46)
POSITIVE, NEGATIVE = 'same person, other clothes', 'another person, similar clothes'


class ModelRow(NamedTuple):
    name: str
    heatmaps: Sequence[np.ndarray]
    """Of anchor, positive and negative, each (H, W) in [0, 1] at the size that `fit` gives the photo."""
    similarities: tuple[float, float]
    """Cosine of positive and of negative to the anchor."""


def fit(photo: Image.Image) -> Image.Image:
    """The photo as large as it is drawn, its shape kept."""
    return ImageOps.contain(photo.convert('RGB'), BOX, Image.Resampling.BICUBIC)


def draw_sheet(
    photos: Sequence[Image.Image], rows: Sequence[ModelRow], caption: str, negative: str = NEGATIVE
) -> Image.Image:
    """Anchor, positive and negative; below each its heatmaps, with the similarities to the anchor.

    Of the two similarities of a model the larger is marked: green and "right" at the positive, red and "wrong" at the
    negative; equal ones are not marked.

    Args:
        photos: three, as `fit` returns them.
        rows: one per model.
        caption: put below, broken into lines.
        negative: what is said about the negative, in few words.
    """
    fonts = {size: ImageFont.load_default(size) for size in (13, 16, 20)}
    names = [name.replace('.', '\n.', 1) for name in ('photo', *(row.name for row in rows))]
    probe = ImageDraw.Draw(Image.new('RGB', (1, 1)))
    margin = EDGE + round(max(probe.multiline_textbbox((0, 0), name, fonts[16])[2] for name in names)) + GAP
    widths = [max(photo.width, COLUMN) for photo in photos]
    height = max(photo.height for photo in photos)
    tops = [EDGE + HEAD + index * (height + GAP + FOOT) - FOOT * (index > 0) for index in range(len(names))]
    width = margin + sum(widths) + 2 * GAP + EDGE
    lines = _wrap(caption, width - 2 * EDGE - GAP - BOX[0] // 2, fonts[13])
    bottom = tops[-1] + height + FOOT + GAP
    sheet = Image.new('RGB', (width, bottom + max(len(lines), 3) * LINE + EDGE), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    centres = [margin + sum(widths[:index]) + index * GAP + widths[index] // 2 for index in range(3)]
    for centre, title, remark in zip(centres, TRIPLE, ('', POSITIVE, negative), strict=True):
        draw.text((centre, EDGE + 4), title, INK, fonts[20], anchor='ma')
        draw.text((centre, EDGE + 31), remark, MUTED, fonts[13], anchor='ma')
    for index, (name, top) in enumerate(zip(names, tops, strict=True)):
        draw.multiline_text((margin - GAP, top), name, INK, fonts[16], anchor='ra', align='right')
        for column, centre in enumerate(centres):
            place = (centre - photos[column].width // 2, top)
            if index:
                _draw_cell(sheet, place, photos[column], rows[index - 1], column)
            else:
                sheet.paste(photos[column], place)
    for number, line in enumerate(lines):
        draw.text((EDGE, bottom + number * LINE), line, MUTED, fonts[13])
    _draw_colour_bar(sheet, (width - EDGE - BOX[0] // 2, bottom))
    return sheet


def _draw_cell(
    sheet: Image.Image, place: tuple[int, int], photo: Image.Image, row: ModelRow, column: int
) -> None:
    """One heatmap over its photo, and the similarity of positive or negative below."""
    draw = ImageDraw.Draw(sheet)
    below = (place[0] + photo.width // 2, place[1] + photo.height + FRAME + 2)
    sheet.paste(attention_overlay(photo, row.heatmaps[column], opacity=0.6), place)
    if not column:
        return
    mine, other = row.similarities[column - 1], row.similarities[2 - column]
    if mine > other:
        colour, verdict = (RIGHT, 'right') if column == 1 else (WRONG, 'wrong')
        corner = (place[0] + photo.width + FRAME - 1, place[1] + photo.height + FRAME - 1)
        draw.rectangle((place[0] - FRAME, place[1] - FRAME, *corner), outline=colour, width=FRAME)
        draw.text(below, f'{mine:.3f}  {verdict}', colour, ImageFont.load_default(20), anchor='ma', stroke_width=0.4)
    else:
        draw.text(below, f'{mine:.3f}', MUTED, ImageFont.load_default(20), anchor='ma')


def _draw_colour_bar(sheet: Image.Image, place: tuple[int, int]) -> None:
    """From none at the left to the maximum at the right."""
    width, height = BOX[0] // 2, LINE // 2
    bar = colour_map(np.repeat(np.linspace(0, 1, width)[None], height, axis=0))
    sheet.paste(Image.fromarray(bar), place)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    draw.text((place[0], place[1] + height + 3), 'none', MUTED, font)
    draw.text((place[0] + width, place[1] + height + 3), 'most', MUTED, font, anchor='ra')


def _wrap(text: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """Lines of at most that many pixels, unless a single word is wider."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f'{lines[-1]} {word}') <= width:
            lines[-1] += f' {word}'
        else:
            lines.append(word)
    return lines
