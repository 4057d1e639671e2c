"""Catalogue of objects by place, with their heights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ifd_zoo.synthetic.scenes import objects


class Kind(NamedTuple):
    paint: Callable[[np.random.Generator], np.ndarray]
    height: tuple[float, float]
    """Range in metres."""
    base: float = 0.0
    """Metres above the ground at which it hangs or starts."""


OBJECTS: dict[str, tuple[Kind, ...]] = {
    'street': (
        Kind(objects.car, (1.35, 1.8)),
        Kind(objects.car, (1.35, 2.6)),
        Kind(objects.tree, (3, 7)),
        Kind(objects.tree, (4, 9)),
        Kind(objects.tree, (4, 9)),
        Kind(objects.pole, (2.5, 5)),
        Kind(objects.sign, (2, 3)),
        Kind(objects.railing, (0.9, 1.2)),
        Kind(objects.bench, (0.8, 1)),
        Kind(objects.box, (0.7, 1.3)),
        Kind(objects.bicycle, (0.95, 1.15)),
        Kind(objects.crowd, (1.5, 1.9)),
        Kind(objects.crowd, (1.5, 1.9)),
        Kind(objects.bush, (0.6, 1.6)),
        Kind(objects.column, (3, 5)),
        Kind(objects.table, (0.7, 0.9)),
        Kind(objects.chair, (0.8, 1.1)),
        Kind(objects.lamp, (0.3, 0.6), 2.5),
    ),
    'park': (
        Kind(objects.tree, (3, 8)),
        Kind(objects.tree, (3, 8)),
        Kind(objects.bush, (0.6, 2)),
        Kind(objects.bush, (0.6, 2)),
        Kind(objects.bench, (0.8, 1)),
        Kind(objects.railing, (0.9, 1.2)),
        Kind(objects.crowd, (1.5, 1.9)),
        Kind(objects.pole, (2.5, 5)),
        Kind(objects.car, (1.35, 1.8)),
    ),
    'indoor': (
        Kind(objects.plant, (0.6, 2)),
        Kind(objects.chair, (0.8, 1.1)),
        Kind(objects.table, (0.7, 1)),
        Kind(objects.box, (0.6, 2)),
        Kind(objects.bag, (0.3, 0.6)),
        Kind(objects.column, (3, 4)),
        Kind(objects.railing, (0.9, 1.2)),
        Kind(objects.crowd, (1.5, 1.9)),
        Kind(objects.crowd, (1.5, 1.9)),
        Kind(objects.lamp, (0.3, 0.7), 2.2),
        Kind(objects.box, (0.6, 1.2)),
        Kind(objects.bench, (0.5, 0.9)),
    ),
}
"""Objects behind people."""

OCCLUDERS: dict[str, tuple[Kind, ...]] = {
    'street': (
        Kind(objects.pole, (3, 5)),
        Kind(objects.railing, (0.7, 1.1)),
        Kind(objects.car, (1.2, 1.6)),
        Kind(objects.bush, (0.5, 0.9)),
        Kind(objects.box, (0.5, 1)),
        Kind(objects.bicycle, (0.9, 1.1)),
        Kind(objects.sign, (2, 3)),
        Kind(objects.bag, (0.35, 0.6)),
        Kind(objects.column, (3, 5)),
        Kind(objects.bench, (0.7, 0.9)),
    ),
    'park': (
        Kind(objects.bush, (0.5, 1)),
        Kind(objects.pole, (3, 5)),
        Kind(objects.bench, (0.7, 0.9)),
        Kind(objects.plant, (0.5, 1)),
        Kind(objects.railing, (0.7, 1)),
    ),
    'indoor': (
        Kind(objects.chair, (0.7, 1)),
        Kind(objects.table, (0.6, 0.9)),
        Kind(objects.box, (0.5, 1)),
        Kind(objects.bag, (0.35, 0.6)),
        Kind(objects.plant, (0.6, 1.4)),
        Kind(objects.railing, (0.7, 1.1)),
        Kind(objects.column, (3, 4)),
        Kind(objects.pole, (3, 4)),
    ),
}
"""Objects in front of people."""
