"""Recolouring the clothes in a photo, and what that does to a model's similarities.

`Recolour` and `Swap` edit a photo by its label map; `WARDROBE` is a fixed set of such changes; `clothing_sensitivity`
measures how far they move a model's similarities, and `movement_chart` draws it.
"""

from ifd_zoo.recolour.changes import BOTTOM, TOP, WARDROBE, Change
from ifd_zoo.recolour.chart import Series, movement_chart
from ifd_zoo.recolour.edits import COLOURABLE, SCALES, Edit, Recolour, Swap
from ifd_zoo.recolour.patterns import PATTERNS
from ifd_zoo.recolour.sensitivity import Outfits, Sensitivity, clothing_sensitivity, try_on

__all__ = [
    'BOTTOM',
    'COLOURABLE',
    'PATTERNS',
    'SCALES',
    'TOP',
    'WARDROBE',
    'Change',
    'Edit',
    'Outfits',
    'Recolour',
    'Sensitivity',
    'Series',
    'Swap',
    'clothing_sensitivity',
    'movement_chart',
    'try_on',
]
