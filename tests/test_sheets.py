"""Sheets of pictures and texts: sizes and places."""

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.images.sheets import in_rows, sheet, write

SIZES = {'red': (4, 8), 'lime': (10, 2), 'blue': (6, 6)}
RED, GREEN, BLUE = (Image.new('RGB', size, colour) for colour, size in SIZES.items())


def box(picture, colour):
    """Left, top, right and bottom of the pixels of a colour."""
    y, x = np.nonzero((np.asarray(picture.convert('RGB')) == colour).all(-1))
    return x.min(), y.min(), x.max() + 1, y.max() + 1


@pytest.mark.parametrize('align, left', [((0,), 3), ((0.5,), 6), ((1,), 9), ((0.5, 1), 6)])
def test_cells_stand_in_columns_and_rows_of_the_largest(align, left):
    picture = sheet([[RED, BLUE], [GREEN]], gap=2, edge=3, align=align)
    assert picture.mode == 'RGB' and picture.size == (3 + 10 + 2 + 6 + 3, 3 + 8 + 2 + 2 + 3)
    assert box(picture, (255, 0, 0)) == (left, 3, left + 4, 11) and box(picture, (0, 255, 0)) == (3, 13, 13, 15)
    assert box(picture, (0, 0, 255)) == (15, 3, 21, 9) and picture.getpixel((0, 0)) == (255, 255, 255)


def test_empty_cells_keep_their_column_and_a_sheet_may_be_transparent():
    picture = sheet([[None, RED], [BLUE, None]], gap=1, background=None)
    assert picture.size == (6 + 1 + 4, 8 + 1 + 6) and picture.getpixel((0, 0)) == (0, 0, 0, 0)
    assert picture.getpixel((7, 0)) == (255, 0, 0, 255) and picture.getpixel((0, 9)) == (0, 0, 255, 255)


def test_rows_are_filled_one_after_the_other():
    assert in_rows([RED, GREEN, BLUE], 2) == [[RED, GREEN], [BLUE]] and in_rows([], 3) == []


def test_a_text_is_broken_where_it_would_be_too_wide():
    short, long = write('word', 12), write('word ' * 9, 12, width=80)
    assert short.height == 16 and long.height % 16 == 0 and long.height > 32 and 40 < long.width <= 81
    assert write('one\ntwo three', 12).height == 32 and write('', 12).size == (1, 16)
    assert write('unbreakable' * 9, 12, width=80).width > 80


def test_lines_are_aligned_and_shown_on_any_ground():
    left, right = (np.asarray(write('a\nlonger', 12, align=align))[:16, :, 3].sum(0) for align in (0, 1))
    assert left[:8].any() and not left[-8:].any() and right[-8:].any() and not right[:8].any()
    dark = sheet([[write('a', 12, 'white')]], background='black')
    assert dark.getpixel((0, 0)) == (0, 0, 0) and np.asarray(dark).max() > 200
