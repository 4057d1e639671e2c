"""Tileable surfaces of walls and floors: (256, 256, 3) uint8, 2 metres wide and high."""

from collections.abc import Callable

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.noise import plane_noise
from ifd_zoo.synthetic.scenes.palette import PEOPLE_COLOURS, as_bytes, ink, mixed, muted, vivid

SIDE = 256
SIZE = (SIDE, SIDE)

Painter = Callable[[np.random.Generator], np.ndarray]


def plaster(rng: np.random.Generator) -> np.ndarray:
    return _grained(muted(rng, 0.35, 0.95), plane_noise(rng, SIZE, (2, 2), 6, 0.8), rng.uniform(0.005, 0.04))


def concrete(rng: np.random.Generator) -> np.ndarray:
    image = _grained(muted(rng, 0.3, 0.7, 0.02), plane_noise(rng, SIZE, (3, 3), 7, 0.9), rng.uniform(0.015, 0.06))
    if rng.random() < 0.5:
        _lines(image, rng.choice([64, 128]), rng.choice([64, 128, 256]), image.mean((0, 1)) / 255 * 0.7, 1)
    return image


def asphalt(rng: np.random.Generator) -> np.ndarray:
    grain = plane_noise(rng, SIZE, (64, 64), 3, 0.9) * 0.8 + plane_noise(rng, SIZE, (3, 3), 3) * 0.25
    return _grained(muted(rng, 0.15, 0.5, 0.02), grain, rng.uniform(0.04, 0.09))


def brick(rng: np.random.Generator) -> np.ndarray:
    base = muted(rng, 0.3, 0.8) if rng.random() < 0.4 else np.array([0.58, 0.33, 0.26]) * rng.uniform(0.6, 1.3)
    rows = int(rng.choice([16, 20, 28]))
    return _blocks(rng, base, rows, rows // 3 + 1, muted(rng, 0.3, 0.85, 0.02), rng.uniform(0.03, 0.12), 2)


def stone(rng: np.random.Generator) -> np.ndarray:
    rows = int(rng.choice([4, 6, 8]))
    return _blocks(rng, muted(rng, 0.35, 0.85), rows, max(rows // 2, 2), muted(rng, 0.2, 0.6, 0.02), 0.06, 2)


def tiles(rng: np.random.Generator) -> np.ndarray:
    count = int(rng.choice([3, 4, 5, 8, 12]))
    return _blocks(rng, muted(rng, 0.35, 0.95), count, count, muted(rng, 0.2, 0.8, 0.02), 0.02, 1, offset=False)


def checker(rng: np.random.Generator) -> np.ndarray:
    count = 2 * int(rng.choice([2, 3, 4]))
    step = np.arange(SIDE) * count // SIDE
    odd = ((step[:, None] + step[None]) % 2)[..., None]
    first, second = muted(rng, 0.5, 0.95), muted(rng, 0.08, 0.6)
    return _grained(first + (second - first) * odd, plane_noise(rng, SIZE, (3, 3), 5), 0.03)


def paving(rng: np.random.Generator) -> np.ndarray:
    rows = int(rng.choice([6, 8, 10, 14]))
    return _blocks(rng, muted(rng, 0.3, 0.75, 0.04), rows, rows // int(rng.choice([1, 2])), np.full(3, 0.3), 0.05, 1)


def planks(rng: np.random.Generator) -> np.ndarray:
    base = np.array([0.62, 0.43, 0.28]) * rng.uniform(0.5, 1.4) if rng.random() < 0.7 else muted(rng)
    grain = plane_noise(rng, SIZE, (32, 2), 4, 0.8)
    rows = int(rng.choice([8, 12, 16]))
    image = _blocks(rng, base, rows, 2, base * 0.5, 0.07, 1)
    image = _grained(image.astype(np.float32) / 255, grain, 0.04)
    return np.ascontiguousarray(image.transpose(1, 0, 2)) if rng.random() < 0.4 else image


def carpet(rng: np.random.Generator) -> np.ndarray:
    colour = muted(rng, 0.15, 0.6, 0.12)
    image = _grained(colour, plane_noise(rng, SIZE, (80, 80), 2), rng.uniform(0.03, 0.08))
    return image if rng.random() < 0.6 else cv2.addWeighted(image, 0.6, fabric(rng), 0.4, 0)


def grass(rng: np.random.Generator) -> np.ndarray:
    base = np.array([0.32, 0.42, 0.18]) * rng.uniform(0.6, 1.3) + rng.normal(0, 0.03, 3)
    grain = plane_noise(rng, SIZE, (48, 64), 3, 0.9) * 0.9 + plane_noise(rng, SIZE, (3, 3), 4) * 0.4
    return _grained(base, grain, rng.uniform(0.06, 0.12), np.array([1.2, 1, 0.6]))


def gravel(rng: np.random.Generator) -> np.ndarray:
    base = muted(rng, 0.35, 0.7, 0.06)
    return _grained(base, plane_noise(rng, SIZE, (40, 40), 3, 0.9), rng.uniform(0.07, 0.14))


def foliage(rng: np.random.Generator) -> np.ndarray:
    """Draw layers of leaves over a dark ground."""
    dark = np.array([0.1, 0.14, 0.06]) * rng.uniform(0.5, 1.5)
    light = np.array([0.42, 0.52, 0.2]) * rng.uniform(0.7, 1.3) + rng.normal(0, 0.05, 3)
    if rng.random() < 0.15:
        light = np.array([0.75, 0.45, 0.15]) * rng.uniform(0.7, 1.2)
    image = _grained(dark, plane_noise(rng, SIZE, (6, 6), 4), 0.06)
    for step in np.linspace(0, 1, int(rng.integers(500, 900))):
        centre = rng.uniform(0, SIDE, 2)
        axes = rng.uniform(2, 4) * np.array([rng.uniform(1, 2.4), 1]) * (1.5 - 0.5 * step)
        colour = dark + (light - dark) * np.clip(step * 0.8 + rng.normal(0, 0.25), 0, 1.3)
        cv2.ellipse(image, (tuple(centre), tuple(2 * axes), float(rng.uniform(0, 180))), ink(colour), -1)
    return image


def fabric(rng: np.random.Generator) -> np.ndarray:
    """Draw stripes, checks and dots as on clothes: a pattern alone must not mark a person."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    colours = [mixed(rng) for _ in range(3)]
    image = np.ones((*SIZE, 1)) * colours[0]
    count = int(rng.integers(6, 40))
    kind = rng.integers(4)
    if kind in (0, 2):
        image[(rows * count) % 1 < rng.uniform(0.2, 0.6)] = colours[1]
    if kind in (1, 2):
        stripe = (columns * count) % 1 < rng.uniform(0.2, 0.6)
        image[stripe] = (image[stripe] + colours[2]) / 2
    if kind == 3:
        image[((rows * count) % 1 - 0.5) ** 2 + ((columns * count) % 1 - 0.5) ** 2 < 0.07] = colours[1]
    folds = plane_noise(rng, SIZE, (1, 5), 3)
    return _grained(image, folds, rng.uniform(0.02, 0.08))


def metal(rng: np.random.Generator) -> np.ndarray:
    """Draw shutters, corrugated sheets or slats."""
    count = int(rng.choice([8, 12, 16, 32]))
    wave = np.abs((np.arange(SIDE) * count / SIDE) % 1 - 0.5) * 2
    image = muted(rng, 0.3, 0.85)[None, None] * (0.75 + 0.3 * wave)[:, None, None] * np.ones((1, SIDE, 1))
    image = _grained(image, plane_noise(rng, SIZE, (2, 8), 3), 0.02)
    return image if rng.random() < 0.6 else np.ascontiguousarray(image.transpose(1, 0, 2))


def graffiti(rng: np.random.Generator) -> np.ndarray:
    image = concrete(rng)
    for _ in range(int(rng.integers(3, 12))):
        points = np.cumsum(rng.normal(0, 28, (6, 2)), 0) + rng.uniform(0, SIDE, 2)
        cv2.polylines(image, [points.astype(np.int32)], False, ink(vivid(rng)), int(rng.integers(3, 14)), cv2.LINE_AA)
    return image


def dead_leaves(rng: np.random.Generator) -> np.ndarray:
    """Draw overlapping shapes of all sizes: edges as in natural images, without meaning."""
    image = np.empty((*SIZE, 3), np.uint8)
    image[:] = as_bytes(mixed(rng))
    base = mixed(rng)
    saturation = rng.uniform(0.2, 1)
    for radius in np.sort(4 + 60 * rng.pareto(1.8, 220).clip(0, 1.4))[::-1]:
        colour = base + (mixed(rng) - base) * saturation
        _shape(rng, image, rng.uniform(0, SIDE, 2), radius, colour)
    shading = 1 + 0.1 * plane_noise(rng, SIZE, (3, 3), 5)[..., None]
    return np.clip(image * shading, 0, 255).astype(np.uint8)


def patches(rng: np.random.Generator) -> np.ndarray:
    """Draw blots in the colours of skin, hair and clothes."""
    image = dead_leaves(rng)
    for _ in range(40):
        colour = PEOPLE_COLOURS[rng.integers(len(PEOPLE_COLOURS))] * rng.uniform(0.8, 1.2)
        _shape(rng, image, rng.uniform(0, SIDE, 2), rng.uniform(5, 35), colour)
    return image


def _shape(rng: np.random.Generator, image: np.ndarray, centre: np.ndarray, radius: float, colour: np.ndarray) -> None:
    if rng.random() < 0.4:
        axes = radius * 2 * np.array([1, rng.uniform(0.3, 1)])
        cv2.ellipse(image, (tuple(centre), tuple(axes), float(rng.uniform(0, 180))), ink(colour), -1)
        return
    corners = int(rng.integers(3, 7))
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners)) if rng.random() < 0.5 else np.arange(4) * np.pi / 2 + 0.785
    reach = radius * np.array([rng.uniform(0.3, 1.2), rng.uniform(0.3, 1.5)])
    points = centre + reach * np.stack([np.cos(angle), np.sin(angle)], 1)
    cv2.fillPoly(image, [points.astype(np.int32)], ink(colour), cv2.LINE_AA)


def _grained(colour: np.ndarray, field: np.ndarray, strength: float, tint: np.ndarray | float = 1.0) -> np.ndarray:
    return as_bytes(colour + strength * field[..., None] * (np.asarray(tint) * np.ones(3)))


def _lines(image: np.ndarray, down: int, across: int, colour: np.ndarray, width: int) -> None:
    for start in range(0, SIDE, int(down)):
        image[start : start + width] = as_bytes(colour)
    for start in range(0, SIDE, int(across)):
        image[:, start : start + width] = as_bytes(colour)


def _blocks(
    rng: np.random.Generator,
    base: np.ndarray,
    rows: int,
    columns: int,
    joint: np.ndarray,
    variation: float,
    width: int,
    offset: bool = True,
) -> np.ndarray:
    """Draw bricks, slabs, tiles or boards; `offset` shifts every other row by half if their number is even."""
    row = np.arange(SIDE) * rows / SIDE
    shift = (np.floor(row) % 2 * 0.5 if offset and rows % 2 == 0 else np.zeros(SIDE))[:, None]
    column = np.arange(SIDE)[None] * columns / SIDE + shift
    tone = rng.normal(0, variation, (rows, columns))
    image = base + tone[np.floor(row).astype(int)[:, None], np.floor(column).astype(int) % columns][..., None]
    near_row = (row % 1 < width * rows / SIDE)[:, None]
    image = np.where((near_row | (column % 1 < width * columns / SIDE))[..., None], joint, image)
    return _grained(image, plane_noise(rng, SIZE, (3, 3), 6, 0.8), rng.uniform(0.01, 0.04))


GROUNDS: dict[str, tuple[Painter, ...]] = {
    'street': (asphalt, paving, concrete, tiles),
    'park': (grass, gravel, asphalt, paving),
    'indoor': (tiles, planks, carpet, checker, concrete),
}
WALLS: dict[str, tuple[Painter, ...]] = {
    'street': (brick, plaster, stone, concrete, metal, graffiti, planks),
    'park': (foliage, foliage, brick, planks, stone),
    'indoor': (plaster, plaster, tiles, planks, fabric, brick, metal),
}
CONFUSING: tuple[Painter, ...] = (patches, fabric, dead_leaves)
