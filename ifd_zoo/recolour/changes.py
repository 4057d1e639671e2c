"""The fixed set of changes with which a model's clothing sensitivity is measured."""

from typing import NamedTuple

from ifd_zoo.recolour.edits import Edit, Recolour, Swap


class Change(NamedTuple):
    name: str
    """Display name, unique within the set."""
    edit: Edit


TOP = ('upper', 'dress', 'coat')
"""Clothes of the upper body: all three, since parsers often confuse them, even within one garment."""

BOTTOM = ('lower',)

WARDROBE = (
    Change('white top', Recolour(TOP, '#e8e8e4')),
    Change('black top', Recolour(TOP, '#1b1b1e')),
    Change('red top', Recolour(TOP, '#b3202a')),
    Change('blue striped top', Recolour(TOP, '#1f3a8a', 'stripes', '#ecece6', 0.045)),
    Change('red checked top', Recolour(TOP, '#ebe9e4', 'checks', '#a61c2c', 0.05)),
    Change('green dotted top', Recolour(TOP, '#0f6b57', 'dots', '#efe3bd', 0.045)),
    Change('beige bottom', Recolour(BOTTOM, '#cfc4ab')),
    Change('black bottom', Recolour(BOTTOM, '#1b1b1e')),
    Change('pinstriped bottom', Recolour(BOTTOM, '#22304f', 'pinstripes', '#b9c3d6', 0.03)),
    Change('yellow top and bottom', Recolour((*TOP, *BOTTOM), '#d9a514')),
    Change('purple top and bottom', Recolour((*TOP, *BOTTOM), '#5b2a86')),
    Change('top and bottom swapped', Swap(TOP, BOTTOM)),
)
"""Six of the top, three of the bottom, two of both, and one that keeps the colours but swaps their places.

Must not change: numbers measured with different sets are not comparable.
"""
