"""Shared wardrobe, and the outfits drawn from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ifd_zoo.synthetic.clothes.catalogue import COUNTS, KINDS, Cut
from ifd_zoo.synthetic.streams import stream


@dataclass(frozen=True)
class Garment:
    """One garment of the wardrobe."""

    slot: str
    number: int
    cut: Cut

    @property
    def name(self) -> str:
        return f'{self.cut.kind} {self.number}'


SLOTS = tuple(COUNTS)


@dataclass(frozen=True)
class Outfit:
    """Garments that a person wears together, drawn from the wardrobe."""

    owner: int
    number: int
    garments: tuple[Garment, ...]
    tucked: bool
    bag_side: str
    """Side that carries the bag: L or R"""

    def of(self, slot: str) -> Garment | None:
        return next((garment for garment in self.garments if garment.slot == slot), None)

    def facts(self) -> dict[str, str]:
        """Return the names of the garments by slot, '' for an empty slot."""
        return {slot: garment.name if (garment := self.of(slot)) else '' for slot in SLOTS}


class Wardrobe:
    """All garments of a set; a garment has the same cut and fabric whoever wears it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @cached_property
    def garments(self) -> dict[str, tuple[Garment, ...]]:
        """Garments by slot."""
        return {
            slot: tuple(Garment(slot, number, self._cut(slot, number)) for number in range(count))
            for slot, count in COUNTS.items()
        }

    def _cut(self, slot: str, number: int) -> Cut:
        rng = stream(self.seed, 'wardrobe', slot, number)
        drawers = KINDS[slot]
        return drawers[number % len(drawers)](rng)

    def outfit(self, owner: int, number: int, male: bool) -> Outfit:
        """Draw the outfit of `stream(seed, 'outfit', owner, number)`."""
        rng = stream(self.seed, 'outfit', owner, number)
        slots = list(_draw_slots(rng, male))
        return Outfit(
            owner=owner,
            number=number,
            garments=tuple(self._pick(rng, slot, male) for slot in slots),
            tucked='belt' in slots or bool(rng.random() < (0.6 if 'skirt' in slots else 0.22)),
            bag_side='LR'[int(rng.integers(2))],
        )

    def _pick(self, rng: np.random.Generator, slot: str, male: bool) -> Garment:
        choice = self.garments[slot]
        chances = np.array([RARELY_MALE if male and garment.cut.kind in RARE_ON_MEN else 1.0 for garment in choice])
        return choice[rng.choice(len(choice), p=chances / chances.sum())]


RARE_ON_MEN = (
    *('camisole', 'crop top', 'hot pants', 'leggings'),
    *('pumps', 'heeled sandals', 'flats', 'high boots', 'handbag'),
)
RARELY_MALE = 0.12
LOWER = {True: (0.9, 0.05, 0.05), False: (0.5, 0.21, 0.29)}
"""Chances of bottom, skirt and dress, by whether the wearer is male: a mild bias."""


BELT = {'bottom': 0.25, 'skirt': 0.25, 'dress': 0.3}


def _draw_slots(rng: np.random.Generator, male: bool) -> Iterator[str]:
    lower = ('bottom', 'skirt', 'dress')[rng.choice(3, p=LOWER[male])]
    yield lower
    if lower != 'dress':
        yield 'top'
    if lower != 'bottom' and rng.random() < 0.3:
        yield 'legwear'
    if rng.random() < 0.5:
        yield 'outer'
    yield 'shoes'
    for slot, chance in {'bag': 0.6, 'hat': 0.11, 'scarf': 0.12, 'sunglasses': 0.18}.items():
        if rng.random() < chance:
            yield slot
    if rng.random() < BELT[lower]:
        yield 'belt'
