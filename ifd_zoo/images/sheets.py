"""Pictures and texts in rows and columns, as one picture."""

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
    """Put pictures together. Columns are as wide as their widest cell, rows as high as their highest.

    Args:
        rows: cells from top to bottom and left to right, one at least; None stays empty, as what a shorter row lacks.
        gap: pixels between cells.
        edge: pixels around all of them.
        background: colour; None for a transparent one.
        align: where a cell stands in its column, from 0 (left) to 1 (right); the last number is for all columns left.

    Returns:
        RGB, or RGBA on transparent ground. Cells stand at the top of their row.
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
    """The cells in rows of that many, the last one perhaps shorter."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def write(
    text: str,
    size: int = 13,
    colour: str | tuple[int, int, int] = 'black',
    width: int | None = None,
    align: float = 0,
) -> Image.Image:
    """A text on transparent ground, RGBA; each line is 4/3 of `size` high.

    Args:
        size: of the font, in pixels.
        width: longer lines are broken, unless a single word is wider.
        align: of several lines, from 0 (left) to 1 (right).
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
