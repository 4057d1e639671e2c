"""Identity of a person: everything that stays the same in all outfits."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from ifd_zoo.synthetic.bodies.body import Body

HEADS = ('round', 'oval', 'square', 'rectangular', 'triangular', 'diamond', 'invertedtriangular')
ANCESTRIES = ('african', 'asian', 'caucasian')
SKINS = {'african': (118, 83, 65), 'asian': (222, 181, 150), 'caucasian': (236, 196, 173)}
HAIR_COLOURS = {
    'black': (27, 24, 23),
    'dark brown': (48, 36, 30),
    'brown': (76, 54, 40),
    'light brown': (116, 86, 60),
    'dark blonde': (150, 115, 72),
    'blonde': (198, 162, 108),
    'platinum': (222, 200, 160),
    'auburn': (98, 44, 26),
    'ginger': (160, 82, 42),
}
HAIR_CHANCES = {
    'african': (0.68, 0.22, 0.05, 0.02, 0.01, 0.01, 0.0, 0.01, 0.0),
    'asian': (0.56, 0.26, 0.1, 0.03, 0.01, 0.02, 0.0, 0.02, 0.0),
    'caucasian': (0.1, 0.24, 0.26, 0.16, 0.08, 0.07, 0.02, 0.04, 0.03),
}
STYLES = ('bald', 'buzz', 'short', 'tousled', 'bob', 'long', 'wavy', 'ponytail', 'bun', 'afro')
STYLE_CHANCES = {
    'male': (0.07, 0.17, 0.36, 0.2, 0.04, 0.05, 0.04, 0.02, 0.03, 0.02),
    'female': (0.005, 0.01, 0.05, 0.055, 0.18, 0.28, 0.25, 0.08, 0.06, 0.03),
}
UNCHANGED_FIELDS = ('breast', 'macrodetails', 'hands', 'feet', 'pelvis')
UNCHANGED_WORDS = ('measure', 'pregnant', 'navel', 'valgus')
OPPOSITES = (
    ('incr', 'decr'),
    ('up', 'down'),
    ('out', 'in'),
    ('forward', 'backward'),
    ('convex', 'concave'),
    ('uncompress', 'compress'),
)
FACE = ('nose', 'mouth', 'chin', 'cheek', 'eyes', 'eyebrows', 'ears')


class Coiffure(NamedTuple):
    style: str
    colour_name: str
    colour: np.ndarray
    """(3,) sRGB 0 to 1"""
    volume: float
    length: float
    """0 to 1 within the range of the style"""
    hairline: float
    """Metres above the usual hairline"""
    parting: float
    """-1 far right, 0 in the middle, 1 far left"""
    fringe: bool
    front: float
    """How far long hair reaches down in front of the shoulders, 0 (swept behind them) to 1"""
    seed: float


@dataclass(frozen=True, eq=False)
class Identity:
    number: int
    vertices: np.ndarray
    """(V, 3) of the base mesh at rest"""
    joints: np.ndarray
    """(B, 3)"""
    shape: dict[str, float]
    """Parameters of `draw_shape`, each 0 to 1"""
    skin: np.ndarray
    """(3,) sRGB 0 to 1"""
    hair: Coiffure
    beard: float
    glasses: bool
    iris: tuple[float, float, float]
    gait: np.ndarray
    """(8,) standard normal: this person's habits of walking and standing"""

    def facts(self) -> dict[str, float | str]:
        """Return the parameters for the metadata table."""
        hair = self.hair
        return {
            **{name: round(value, 4) for name, value in self.shape.items()},
            **{f'skin_{channel}': round(float(value), 4) for channel, value in zip('rgb', self.skin, strict=True)},
            'hair_style': hair.style,
            'hair_colour': hair.colour_name,
            **{f'hair_{channel}': round(float(value), 4) for channel, value in zip('rgb', hair.colour, strict=True)},
            'hair_length': round(hair.length, 4),
            'hair_volume': round(hair.volume, 4),
            'fringe': float(hair.fringe),
            'beard': self.beard,
            'glasses': float(self.glasses),
            **{f'gait_{number}': round(float(value), 4) for number, value in enumerate(self.gait)},
        }


def draw_identity(body: Body, number: int, rng: np.random.Generator) -> Identity:
    """Draw the person `number`; `rng` is `stream(seed, 'identity', number)`."""
    shape = draw_shape(rng)
    targets = dict(_macro_targets(shape, body)) | _local_targets(body, rng)
    vertices = body.shape(targets)
    shares = np.array([shape[name] for name in ANCESTRIES])
    ancestry = str(rng.choice(ANCESTRIES, p=shares / shares.sum()))
    male = shape['male'] > 0.5
    hair = _draw_hair(rng, ancestry, male, shape['age'])
    return Identity(
        number=number,
        vertices=vertices,
        joints=body.skeleton.joints(vertices),
        shape=shape,
        skin=np.clip(np.array(SKINS[ancestry]) * rng.uniform(0.8, 1.08) + rng.normal(0, 5, 3), 25, 245) / 255,
        hair=hair,
        beard=float(rng.choice([0, 0, 0.35, 0.9])) if male else 0.0,
        glasses=bool(rng.random() < 0.15),
        iris=((0.1, 0.06, 0.04), (0.15, 0.2, 0.12), (0.2, 0.28, 0.38))[
            int(rng.choice(3, p=(0.45, 0.2, 0.35) if ancestry == 'caucasian' else (0.96, 0.02, 0.02)))
        ],
        gait=rng.normal(0, 1, 8),
    )


def draw_shape(rng: np.random.Generator) -> dict[str, float]:
    """Draw the parameters of the whole body, which come first in the stream of an identity."""
    male = float(rng.random() < 0.4)
    if rng.random() < 0.15:
        male = abs(male - rng.uniform(0, 0.15))
    shares = rng.dirichlet([0.4, 0.45, 0.6])
    return {
        'male': float(male),
        'age': float(rng.beta(1.0, 2.6)),
        'muscle': _normal(rng, 0.5, 0.18),
        'weight': _normal(rng, 0.42, 0.18),
        'height': float(np.clip(rng.normal(0.5, 0.2), 0.05, 0.95)),
        'proportions': _normal(rng, 0.72, 0.2),
        'cup': _normal(rng, 0.47, 0.2),
        'firmness': _normal(rng, 0.58, 0.15),
        **{name: float(share) for name, share in zip(ANCESTRIES, shares, strict=True)},
    }


def _normal(rng: np.random.Generator, mean: float, spread: float) -> float:
    return float(np.clip(rng.normal(mean, spread), 0, 1))


def _thirds(value: float, name: str) -> dict[str, float]:
    low, high = max(0, 1 - 2 * value), max(0, 2 * value - 1)
    return {f'min{name}': low, f'average{name}': 1 - low - high, f'max{name}': high}


def _ends(value: float, low: str, high: str) -> dict[str, float]:
    return {low: max(0, 1 - 2 * value), high: max(0, 2 * value - 1)}


def _macro_targets(shape: dict[str, float], body: Body) -> Iterator[tuple[str, float]]:
    """Yield the targets of the whole body and their weights."""
    total: defaultdict[str, float] = defaultdict(float)
    sexes = {'male': shape['male'], 'female': 1 - shape['male']}
    ages = {'young': 1 - shape['age'], 'old': shape['age']}
    builds = product(_thirds(shape['muscle'], 'muscle').items(), _thirds(shape['weight'], 'weight').items())
    builds = {f'{muscle}-{weight}': a * b for (muscle, a), (weight, b) in builds}
    heights = _ends(shape['height'], 'minheight', 'maxheight')
    proportions = _ends(shape['proportions'], 'uncommonproportions', 'idealproportions')
    breasts = product(_thirds(shape['cup'], 'cup').items(), _thirds(shape['firmness'], 'firmness').items())
    breasts = {f'{cup}-{firmness}': a * b for (cup, a), (firmness, b) in breasts}
    for (sex, a), (age, b) in product(sexes.items(), ages.items()):
        for name in ANCESTRIES:
            total[f'macrodetails/{name}-{sex}-{age}'] += a * b * shape[name]
        for build, c in builds.items():
            total[f'macrodetails/universal-{sex}-{age}-{build}'] += a * b * c
            for height, d in heights.items():
                total[f'macrodetails/height/{sex}-{age}-{build}-{height}'] += a * b * c * d
            for proportion, d in proportions.items():
                total[f'macrodetails/proportions/{sex}-{age}-{build}-{proportion}'] += a * b * c * d
            for breast, d in breasts.items() if sex == 'female' else ():
                total[f'breast/female-{age}-{build}-{breast}'] += a * b * c * d
    # Some combinations, such as all averages, are the base mesh itself and have no target.
    return ((name, weight) for name, weight in total.items() if weight > 1e-3 and name in body.target_index)


def _local_targets(body: Body, rng: np.random.Generator) -> dict[str, float]:
    """Draw the weights of the targets of single features, the same left and right."""
    weights = {}
    for (stem, high, low), names in sorted(_pairs(body).items()):
        spread = 0.32 if stem.split('/')[0] in FACE else 0.2
        value = float(np.clip(rng.normal(0, spread), -1, 1))
        for name in names:
            name = name if value > 0 else name.removesuffix(high) + low
            if name in body.target_index and abs(value) > 1e-3:
                weights[name] = abs(value)
    weights[f'head/head-{HEADS[rng.integers(len(HEADS))]}'] = float(rng.uniform(0, 0.6))
    return weights


def _pairs(body: Body) -> dict[tuple[str, str, str], list[str]]:
    """Targets that have an opposite: (stem, word, opposite word) -> names, one for each side."""
    pairs: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name in body.target_index:
        if name.startswith(UNCHANGED_FIELDS) or any(word in name for word in UNCHANGED_WORDS):
            continue
        stem = name.replace('/l-', '/x-').replace('/r-', '/x-')
        if 'trans-' in stem and stem.split('/')[0] not in FACE:
            continue
        for high, low in OPPOSITES:
            if stem.endswith(f'-{high}'):
                pairs[stem.removesuffix(high), high, low].append(name)
                break
    return pairs


def _draw_hair(rng: np.random.Generator, ancestry: str, male: bool, age: float) -> Coiffure:
    names = list(HAIR_COLOURS)
    name = names[rng.choice(len(names), p=HAIR_CHANCES[ancestry])]
    colour = np.array(HAIR_COLOURS[name]) * rng.uniform(0.75, 1.4)
    if age > 0.5 and rng.random() < 0.6:
        name, colour = 'grey', colour * 0.3 + np.array([165, 163, 160]) * rng.uniform(0.55, 0.75)
    style = STYLES[rng.choice(len(STYLES), p=STYLE_CHANCES['male' if male else 'female'])]
    return Coiffure(
        style=style,
        colour_name=name,
        colour=_muted(np.clip(colour, 8, 238) / 255),
        volume=float(rng.uniform(0.7, 1.6)),
        length=float(rng.uniform(0, 1)),
        hairline=float(rng.normal(0, 0.006)),
        parting=float(np.clip(rng.normal(0, 0.5), -1, 1)),
        fringe=bool(rng.random() < 0.28),
        front=float(rng.choice([0, 0.5, 1], p=(0.12, 0.23, 0.65))),
        seed=float(rng.random() * 50),
    )


def _muted(colour: np.ndarray) -> np.ndarray:
    """Desaturate a (3,) colour, more the lighter it is: blond hair is greyer than its name suggests."""
    grey = colour @ np.array([0.3, 0.59, 0.11])
    return colour + 0.7 * grey * (grey - colour)
