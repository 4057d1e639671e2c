"""Kinds of garments, and the range of cuts of each."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Cut(NamedTuple):
    """Cut of a garment, in metres on the template body; which fields matter depends on its kind."""

    kind: str
    family: str
    """Family of fabrics, a key of `fabric.PATTERNS`"""
    length: float = 0.0
    """Hem: metres below hip joint, share of leg (trousers, skirts, dresses, coats) or metres above ankle (shoes)"""
    sleeve: float = 0.0
    """Share of the arm that is covered; below 0, metres by which a bare shoulder is cut back"""
    neckline: str = 'round'
    neck: float = 0.07
    """Radius of the neck opening"""
    depth: float = 0.0
    """How far the neckline drops in front"""
    ease: float = 0.3
    """0 tight to 1 wide"""
    flare: float = 1.0
    collar: str = ''
    open: float = 0.0
    """Half width of the gap down the front"""
    belt: bool = False
    heel: float = 0.0
    size: float = 1.0


COUNTS = {
    **{'top': 160, 'bottom': 120, 'skirt': 70, 'dress': 80, 'outer': 100, 'legwear': 20},
    **{'shoes': 80, 'bag': 60, 'hat': 40, 'scarf': 30, 'belt': 20, 'sunglasses': 10},
}
"""Garments in the shared wardrobe: few enough that strangers often wear the same one."""


Draw = Callable[[np.random.Generator], Cut]


def _top(kind: str, family: str, sleeve: tuple[float, float], **cut: object) -> Draw:
    def draw(rng: np.random.Generator) -> Cut:
        vee = rng.random() < 0.3
        chosen = {
            'length': rng.uniform(-0.02, 0.11),
            'neckline': 'vee' if vee else 'round',
            'neck': rng.uniform(0.060, 0.082),
            'depth': rng.uniform(0.08, 0.16) if vee else rng.uniform(0.0, 0.03),
            'ease': rng.uniform(0.1, 0.9),
        }
        return Cut(kind, family, sleeve=rng.uniform(*sleeve), **{**chosen, **_numbers(cut, rng)})

    return draw


def _cut(kind: str, family: str, **cut: object) -> Draw:
    def draw(rng: np.random.Generator) -> Cut:
        return Cut(kind, family, **_numbers(cut, rng))

    return draw


def _outer(
    kind: str, family: str, length: tuple[float, float], gap: tuple[float, float] | float, **cut: object
) -> Draw:
    return _cut(kind, family, **{'sleeve': (0.95, 1.03), 'length': length, 'ease': (0.1, 0.5), 'open': gap, **cut})


def _numbers(cut: dict[str, object], rng: np.random.Generator) -> dict[str, object]:
    """Replace pairs of numbers, which are ranges, by a draw from them."""
    return {name: rng.uniform(*value) if isinstance(value, tuple) else value for name, value in cut.items()}


KINDS: dict[str, tuple[Draw, ...]] = {
    'top': (
        _top('t-shirt', 'any', (0.28, 0.45)),
        _top('t-shirt', 'any', (0.2, 0.5)),
        _top('shirt', 'shirt', (0.95, 1.0), collar='shirt', neckline='round', neck=0.068, depth=0.02),
        _top('shirt', 'shirt', (0.5, 0.75), collar='shirt', neckline='vee', depth=(0.06, 0.12)),
        _top('tank top', 'any', (-0.08, 0.02), neck=(0.075, 0.1), neckline='round', depth=(0.02, 0.09)),
        _top('camisole', 'any', (-0.025, -0.015), neckline='straps', depth=(0.1, 0.16), ease=(0, 0.4)),
        _top('blouse', 'dress', (0.3, 1.0), ease=(0.3, 0.8)),
        _top('blouse', 'dress', (0.05, 0.3), ease=(0.3, 0.9)),
        _top('jumper', 'knit', (0.96, 1.03), ease=(0.3, 1.0)),
        _top('jumper', 'knit', (0.96, 1.03), ease=(0.1, 0.5), neckline='round', neck=0.06, depth=0.0, collar='roll'),
        _top('long-sleeved top', 'any', (0.6, 1.0), ease=(0.0, 0.3)),
        _top('polo shirt', 'any', (0.3, 0.45), collar='shirt', neckline='vee', depth=(0.04, 0.07)),
        _top('sweatshirt', 'any', (0.98, 1.02), neckline='round', depth=0.0, ease=(0.5, 1.0), collar='hood'),
        _top('crop top', 'any', (0.0, 0.5), length=(-0.17, -0.1), ease=(0.0, 0.4)),
    ),
    'bottom': (
        _cut('jeans', 'denim', length=(0.96, 1.03), ease=(0.02, 0.2)),
        _cut('jeans', 'denim', length=(0.94, 1.02), ease=(0.1, 0.5)),
        _cut('trousers', 'trousers', length=(0.96, 1.04), ease=(0.2, 0.6)),
        _cut('trousers', 'trousers', length=(0.85, 1.0), ease=(0.05, 0.3)),
        _cut('wide trousers', 'trousers', length=(0.98, 1.05), ease=(0.75, 1.0)),
        _cut('shorts', 'denim', length=(0.28, 0.5), ease=(0.3, 0.7)),
        _cut('shorts', 'trousers', length=(0.38, 0.6), ease=(0.4, 1.0)),
        _cut('hot pants', 'denim', length=(0.16, 0.26), ease=(0.2, 0.6)),
        _cut('leggings', 'tights', length=(0.75, 1.0), ease=0.0),
    ),
    'skirt': (
        _cut('mini skirt', 'any', length=(0.28, 0.42), flare=(0.95, 1.35)),
        _cut('mini skirt', 'denim', length=(0.28, 0.42), flare=(0.88, 1.05)),
        _cut('skirt', 'dress', length=(0.45, 0.62), flare=(1.0, 1.5)),
        _cut('pencil skirt', 'trousers', length=(0.42, 0.66), flare=(0.8, 0.9)),
        _cut('midi skirt', 'dress', length=(0.65, 0.85), flare=(1.0, 1.4)),
        _cut('maxi skirt', 'dress', length=(0.92, 1.0), flare=(1.0, 1.3)),
    ),
    'dress': (
        _top('dress', 'dress', (0.0, 0.4), length=(0.32, 0.55), flare=(0.95, 1.5), ease=(0.0, 0.5)),
        _top(
            'dress', 'dress', (-0.08, 0.02), length=(0.36, 0.55), flare=(0.85, 1.4), ease=(0.0, 0.3), neck=(0.075, 0.1)
        ),
        _top('sheath dress', 'trousers', (0.0, 0.3), length=(0.4, 0.6), flare=(0.82, 0.92), ease=(0.0, 0.2)),
        _top(
            'sundress',
            'dress',
            (-0.025, -0.015),
            neckline='straps',
            depth=(0.1, 0.15),
            length=(0.35, 0.7),
            flare=(1.1, 1.5),
        ),
        _top('maxi dress', 'dress', (-0.08, 0.4), length=(0.9, 1.0), flare=(1.0, 1.3), ease=(0.0, 0.4)),
        _top('long-sleeved dress', 'dress', (0.7, 1.0), length=(0.34, 0.7), flare=(0.9, 1.35), ease=(0.0, 0.5)),
        _top('jumper dress', 'knit', (0.9, 1.0), length=(0.3, 0.45), flare=(0.9, 1.05), ease=(0.3, 0.8)),
        _top(
            'shirt dress', 'shirt', (0.4, 1.0), length=(0.35, 0.55), flare=(0.95, 1.2), collar='shirt', neckline='vee'
        ),
    ),
    'outer': (
        _outer('jacket', 'coat', (-0.04, 0.06), (0.02, 0.07), collar='lapel', depth=0.16),
        _outer('blazer', 'coat', (0.05, 0.12), (0.01, 0.06), collar='lapel', depth=0.18),
        _outer('jacket', 'leather', (-0.06, 0.02), (0.0, 0.05), collar='lapel', depth=0.1),
        _outer('denim jacket', 'denim', (-0.08, 0.0), (0.0, 0.06), collar='shirt', depth=0.08),
        _outer('cardigan', 'knit', (0.0, 0.12), (0.03, 0.08), ease=(0.2, 0.6), depth=0.14),
        _outer('hooded jacket', 'any', (0.0, 0.06), (0.0, 0.05), ease=(0.4, 0.8), collar='hood', depth=0.06),
        _outer('coat', 'coat', (0.4, 0.62), (0.0, 0.05), flare=(1.0, 1.25), collar='lapel', depth=0.16),
        _outer('long coat', 'coat', (0.6, 0.8), (0.01, 0.08), flare=(1.0, 1.2), collar='lapel', depth=0.18),
        _outer('trench coat', 'coat', (0.4, 0.6), 0.0, flare=(1.05, 1.35), collar='lapel', depth=0.1, belt=True),
        _outer('parka', 'any', (0.3, 0.42), (0.0, 0.05), ease=(0.4, 0.8), collar='hood', depth=0.04),
        _outer('long cardigan', 'knit', (0.35, 0.55), (0.04, 0.09), ease=(0.2, 0.5), depth=0.16),
    ),
    'legwear': (_cut('tights', 'tights', length=1.1), _cut('leggings', 'tights', length=(0.75, 0.98))),
    'shoes': (
        _cut('trainers', 'shoe', length=(-0.045, -0.02)),
        _cut('trainers', 'shoe', length=(-0.045, 0.02)),
        _cut('pumps', 'shoe', heel=(0.03, 0.085)),
        _cut('ankle boots', 'leather', length=(0.03, 0.09), heel=(0.0, 0.06)),
        _cut('high boots', 'leather', length=(0.2, 0.34), heel=(0.0, 0.06)),
        _cut('flats', 'shoe'),
        _cut('sandals', 'leather'),
        _cut('heeled sandals', 'leather', heel=(0.03, 0.085)),
        _cut('shoes', 'leather', length=(-0.05, -0.03)),
    ),
    'bag': (
        _cut('handbag', 'leather', size=(0.8, 1.15)),
        _cut('arm bag', 'leather', size=(0.8, 1.2)),
        _cut('shoulder bag', 'leather', size=(0.75, 1.25)),
        _cut('cross-body bag', 'leather', size=(0.6, 1.0)),
        _cut('backpack', 'any', size=(0.75, 1.15)),
        _cut('tote bag', 'any', size=(1.0, 1.4)),
        _cut('clutch bag', 'leather', size=(0.7, 1.0)),
    ),
    'hat': (
        _cut('cap', 'any'),
        _cut('beanie', 'knit', size=(0.8, 1.4)),
        _cut('brimmed hat', 'straw', size=(0.75, 1.3)),
    ),
    'scarf': (
        _cut('scarf', 'knit', size=(0.7, 1.3), length=(0.0, 0.3)),
        _cut('scarf', 'dress', size=(0.6, 1.0), length=(0.0, 0.3)),
    ),
    'belt': (_cut('belt', 'leather', size=(0.6, 1.3)),),
    'sunglasses': (_cut('sunglasses', 'tights', size=(0.85, 1.25)),),
}
