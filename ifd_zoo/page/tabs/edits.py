"""Clothing edits made from the values of the page's controls."""

import re

from ifd_zoo.page.files import error
from ifd_zoo.recolour import BOTTOM, TOP, Edit, Recolour, Swap


def make_edit(classes: list[str], colour: str, pattern: str, second: str, scale: float, swap: bool) -> Edit:
    """Make the chosen edit.

    Raises:
        gr.Error: nothing was chosen.
        ValueError: a colour, a pattern or a class is invalid.
    """
    if swap:
        return Swap(TOP, BOTTOM)
    if not classes:
        raise error('Choose what to change: at least one kind of clothes.')
    other = None if pattern == 'plain' else picked_colour(second)
    return Recolour(tuple(classes), picked_colour(colour), pattern, other, float(scale))


def picked_colour(colour: str) -> str:
    """Convert a gr.ColorPicker's `rgb(...)` or `rgba(12.3, 4, 5, 1)` to `#rrggbb`; return other text unchanged."""
    number = r'\s*(\d+(?:\.\d*)?)\s*'
    match = re.fullmatch(rf'rgba?\({number},{number},{number}(?:,[\s\d.]+)?\)', str(colour))
    return f'#{bytes(round(min(255, float(part))) for part in match.groups()).hex()}' if match else str(colour)
