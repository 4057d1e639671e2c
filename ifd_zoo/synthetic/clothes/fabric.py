"""Fabrics: colours, patterns and prints."""

from typing import NamedTuple

import cv2
import numpy as np

SIZE = 256
NEUTRALS = (
    *((22, 22, 24), (22, 22, 24), (22, 22, 24), (236, 236, 232), (236, 236, 232)),
    *((120, 120, 122), (38, 44, 66), (70, 74, 80), (196, 186, 168)),
)
COLOURS = {
    'trousers': (
        *((24, 24, 27), (24, 24, 27), (40, 44, 58), (70, 72, 76), (150, 136, 108), (186, 170, 140), (96, 92, 84)),
        *((70, 72, 54), (212, 208, 198), (110, 60, 50), (76, 46, 36), (120, 116, 112), (150, 60, 66), (60, 92, 90)),
    ),
    'denim': (
        (52, 70, 105),
        (84, 104, 140),
        (130, 150, 180),
        (34, 42, 62),
        (28, 30, 36),
        (160, 178, 200),
        (70, 92, 124),
    ),
    'tights': ((18, 18, 20), (18, 18, 20), (26, 26, 34), (60, 58, 60), (92, 40, 48), (40, 50, 80), (150, 120, 100)),
    'leather': ((22, 20, 20), (22, 20, 20), (92, 60, 40), (140, 92, 54), (60, 36, 28), (186, 160, 126), (128, 30, 34)),
    'shoe': (
        *((20, 20, 22), (20, 20, 22), (235, 235, 232), (96, 62, 40), (150, 104, 66), (60, 40, 32), (196, 170, 140)),
        *((150, 36, 40), (52, 60, 90), (122, 122, 122), (214, 190, 170), (60, 100, 80), (226, 150, 160)),
    ),
    'coat': (
        *((24, 24, 26), (24, 24, 26), (44, 48, 62), (92, 90, 88), (170, 134, 92), (196, 172, 136), (226, 218, 204)),
        *((110, 44, 46), (70, 78, 58), (150, 150, 150), (90, 62, 46), (60, 84, 120), (206, 150, 150)),
    ),
    'straw': ((214, 190, 140), (190, 160, 110), (120, 86, 54), (235, 226, 206), (40, 36, 34)),
}
PATTERNS = {
    'any': {
        **{'plain': 0.44, 'melange': 0.08, 'stripes': 0.11, 'pinstripes': 0.04, 'plaid': 0.09, 'dots': 0.05},
        **{'flowers': 0.07, 'camouflage': 0.01, 'blocks': 0.04, 'knit': 0.07},
    },
    'dress': {
        **{'plain': 0.44, 'flowers': 0.24, 'dots': 0.09, 'stripes': 0.08, 'plaid': 0.05, 'blocks': 0.06},
        'melange': 0.04,
    },
    'trousers': {'plain': 0.8, 'melange': 0.08, 'pinstripes': 0.04, 'plaid': 0.04, 'camouflage': 0.02, 'flowers': 0.02},
    'denim': {'denim': 1.0},
    'tights': {'plain': 0.9, 'dots': 0.04, 'flowers': 0.03, 'stripes': 0.03},
    'leather': {'plain': 0.85, 'blocks': 0.07, 'melange': 0.08},
    'shoe': {'plain': 0.92, 'melange': 0.08},
    'coat': {'plain': 0.64, 'melange': 0.16, 'plaid': 0.14, 'knit': 0.06},
    'straw': {'knit': 0.7, 'plain': 0.3},
    'knit': {'knit': 0.5, 'plain': 0.25, 'stripes': 0.15, 'melange': 0.1},
    'shirt': {'plain': 0.5, 'plaid': 0.22, 'pinstripes': 0.14, 'dots': 0.05, 'flowers': 0.09},
}


class Weave(NamedTuple):
    """Parameters of a fabric texture."""

    pattern: str
    colours: np.ndarray
    """(3, 3) RGB 0 to 255: ground, figure, second figure"""
    seed: int


def draw_weave(rng: np.random.Generator, family: str) -> Weave:
    """Draw a fabric of a family in `PATTERNS`."""
    chances = PATTERNS[family]
    pattern = str(rng.choice(list(chances), p=np.array(list(chances.values())) / sum(chances.values())))
    colours = np.stack([draw_colour(rng, family), draw_colour(rng, 'any'), draw_colour(rng, 'any')])
    return Weave(pattern, colours, int(rng.integers(2**31)))


def draw_colour(rng: np.random.Generator, family: str) -> np.ndarray:
    """Draw a (3,) RGB colour, 0 to 255: many neutrals, few bright ones."""
    palette = COLOURS.get(family)
    if palette is None and rng.random() < 0.6:
        palette = NEUTRALS
    if palette is None:
        hsv = np.array([[[rng.integers(180), rng.integers(30, 170), rng.integers(40, 215)]]], np.uint8)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    return np.clip(np.array(palette[rng.integers(len(palette))]) + rng.normal(0, 7, 3), 5, 250).astype(np.float32)


def texture(weave: Weave) -> np.ndarray:
    """Paint the (SIZE, SIZE, 3) uint8 tileable texture."""
    rng = np.random.default_rng(weave.seed)
    down, across = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    image = np.broadcast_to(weave.colours[0], (SIZE, SIZE, 3)).copy()
    PAINTERS[weave.pattern](image, (across, down), weave.colours, rng)
    image *= (0.94 + 0.12 * noise(rng, (8, 32, 128)))[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator, cells: tuple[int, ...]) -> np.ndarray:
    """Return (SIZE, SIZE) noise of about 0 to 1; `cells` are the cells per side of each octave."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for octave, count in enumerate(cells):
        grid = np.pad(rng.random((count, count)).astype(np.float32), 2, mode='wrap')
        zoom = SIZE // count if SIZE % count == 0 else SIZE / count
        big = cv2.resize(grid, (round((count + 4) * zoom),) * 2, interpolation=cv2.INTER_CUBIC)
        start = round(2 * zoom)
        total += big[start : start + SIZE, start : start + SIZE] / (octave + 1)
    return total / 1.8


def decal(rng: np.random.Generator) -> np.ndarray:
    """Draw a (128, 128, 4) uint8 RGBA print for the chest."""
    image = np.zeros((128, 128, 4), np.uint8)
    colours = [(*(int(value) for value in draw_colour(rng, 'any')), 255) for _ in range(3)]
    kind = rng.integers(3)
    if kind == 0:
        for _ in range(rng.integers(1, 4)):
            centre = tuple(int(value) for value in rng.integers(30, 98, 2))
            cv2.circle(image, centre, int(rng.integers(10, 40)), colours[rng.integers(3)], -1)
    elif kind == 1:
        cv2.fillPoly(image, [rng.integers(10, 118, (rng.integers(3, 7), 2)).astype(np.int32)], colours[0])
    else:
        word = ''.join(chr(65 + letter) for letter in rng.integers(0, 26, rng.integers(2, 5)))
        cv2.putText(image, word, (4, 80), cv2.FONT_HERSHEY_SIMPLEX, 1.6, colours[0], 9)
    return image


def _plain(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    pass


def _melange(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    image *= (0.72 + 0.56 * noise(rng, (64, 128, 128)))[..., None]


def _stripes(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    image[(place[1] * rng.integers(6, 22)) % 1 < rng.uniform(0.25, 0.6)] = colours[1]


def _pinstripes(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    image[(place[0] * rng.integers(6, 16)) % 1 < rng.uniform(0.08, 0.45)] = colours[1]


def _plaid(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    count = rng.integers(3, 10)
    for axis in place:
        wide, narrow = (axis * count) % 1 < 0.4, ((axis + 0.3) * count) % 1 < 0.1
        image[wide] = 0.55 * image[wide] + 0.45 * colours[1]
        image[narrow] = 0.4 * image[narrow] + 0.6 * colours[2]


def _dots(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    count = rng.integers(6, 18)
    across, down = ((axis * count) % 1 - 0.5 for axis in place)
    image[across**2 + down**2 < rng.uniform(0.03, 0.12)] = colours[1]


def _flowers(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(15, 60)):
        radius, (x, y) = int(rng.integers(4, 15)), rng.integers(0, SIZE, 2)
        colour = colours[rng.integers(1, 3)] * rng.uniform(0.8, 1.15)
        for turn in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 6):
            petal = (int(x + radius * np.cos(turn)), int(y + radius * np.sin(turn)))
            cv2.circle(image, petal, max(2, radius * 2 // 3), colour.tolist(), -1)


def _camouflage(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    field = noise(rng, (6, 12, 24))
    image[field > np.quantile(field, 0.4)] = colours[1] * 0.7 + colours[0] * 0.3
    image[field > np.quantile(field, 0.75)] = colours[2] * 0.6 + colours[0] * 0.2


def _denim(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    image *= (0.8 + 0.4 * noise(rng, (3, 8, 128)))[..., None]


def _blocks(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    image[place[1] < rng.uniform(0.4, 0.7)] = colours[1]


def _knit(image: np.ndarray, place: tuple, colours: np.ndarray, rng: np.random.Generator) -> None:
    axis = place[int(rng.integers(2))]
    image *= (0.88 + 0.2 * np.abs(np.sin(axis * np.pi * rng.integers(18, 42))))[..., None]


PAINTERS = {
    'plain': _plain,
    'melange': _melange,
    'stripes': _stripes,
    'pinstripes': _pinstripes,
    'plaid': _plaid,
    'dots': _dots,
    'flowers': _flowers,
    'camouflage': _camouflage,
    'denim': _denim,
    'blocks': _blocks,
    'knit': _knit,
}
