"""Sheets: images and texts arranged in rows and columns of one image."""

from collections.abc import Sequence
from itertools import accumulate, zip_longest

from PIL import Image, ImageDraw, ImageFont


def sheet(
    rows: Sequence[Sequence[Image.Image | None]],
    gap: int = 0,
    edge: int = 0,
    background: str | None = 'white',
    align: Sequence[float] = (0.5,),
) -> Image.Image:
    """Arrange images in a grid. Columns are as wide as their widest cell, rows as high as their highest.

    Args:
        rows: cells from top to bottom and left to right, at least one; None and the end of a short row stay empty.
        gap: pixels between cells.
        edge: pixels around the grid.
        background: colour; None for transparent.
        align: position of a cell in its column, from 0 (left) to 1 (right); the last number is for all further columns.

    Returns:
        RGB, or RGBA if the background is transparent. Cells are at the top of their row.
    """
    widths = [max((cell.width for cell in column if cell), default=0) for column in zip_longest(*rows)]
    heights = [max((cell.height for cell in row if cell), default=0) for row in rows]
    lefts, tops = ([edge + place for place in accumulate([0, *(side + gap for side in s)])] for s in (widths, heights))
    size = lefts[-1] - gap + edge, tops[-1] - gap + edge
    picture = Image.new('RGBA', size) if background is None else Image.new('RGB', size, background)
    for row, top in zip(rows, tops, strict=False):
        for column, cell in enumerate(row):
            if cell:
                side = align[min(column, len(align) - 1)]
                place = lefts[column] + round(side * (widths[column] - cell.width)), top
                picture.paste(cell, place, cell if cell.mode == 'RGBA' else None)
    return picture


def in_rows(cells: Sequence[Image.Image], columns: int) -> list[Sequence[Image.Image]]:
    """Split the cells into rows of `columns`; the last row may be shorter."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def write(
    text: str,
    size: int = 13,
    colour: str | tuple[int, int, int] = 'black',
    width: int | None = None,
    align: float = 0,
) -> Image.Image:
    """Draw text on a transparent background, RGBA; each line is 4/3 of `size` high.

    Args:
        size: font size in pixels.
        width: maximum line width in pixels; longer lines are wrapped, unless a single word is wider.
        align: alignment of the lines, from 0 (left) to 1 (right).
    """
    font = ImageFont.load_default(size)
    lines = [line for part in text.split('\n') for line in _wrap(part, width, font)]
    height = round(size * 4 / 3)
    picture = Image.new('RGBA', (max(1, *(round(font.getlength(line) + 0.5) for line in lines)), height * len(lines)))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        left = align * (picture.width - font.getlength(line))
        draw.text((left, (number + 0.5) * height), line, colour, font, anchor='lm')
    return picture


def _wrap(text: str, width: int | None, font: ImageFont.FreeTypeFont) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and (width is None or font.getlength(f'{lines[-1]} {word}') <= width):
            lines[-1] += f' {word}'
        else:
            lines.append(word)
    return lines or ['']
