"""Objects in scenes, as cut-outs: (H, W, 4) uint8 RGBA, the ground at the bottom."""

import cv2
import numpy as np

from ifd_zoo.synthetic.scenes import textures
from ifd_zoo.synthetic.scenes.palette import PEOPLE_COLOURS, as_bytes, ink, mixed, muted, vivid


def car(rng: np.random.Generator) -> np.ndarray:
    image = _empty(96, 256)
    colour = vivid(rng) if rng.random() < 0.5 else muted(rng, 0.05, 0.95)
    roof, hood = rng.uniform(4, 14), rng.uniform(36, 48)
    _polygon(
        image,
        [(4, 84), (8, hood + 6), (50, hood), (84, roof), (180, roof), (218, hood), (250, hood + 8), (252, 84)],
        colour,
    )
    glass = muted(rng, 0.05, 0.4)
    _polygon(image, [(62, hood - 1), (90, roof + 5), (126, roof + 5), (126, hood - 1)], glass)
    _polygon(image, [(132, hood - 1), (132, roof + 5), (176, roof + 5), (204, hood - 1)], glass)
    _polygon(image, [(4, 84), (4, 72), (252, 72), (252, 84)], colour * 0.45)
    _polygon(
        image, [(8, hood + 8), (250, hood + 8), (250, hood + 11), (8, hood + 11)], np.minimum(colour * 1.4 + 0.1, 1)
    )
    for centre in (56, 202):
        _disc(image, (centre, 78), 18, np.full(3, 0.05))
        _disc(image, (centre, 78), 10, np.full(3, rng.uniform(0.3, 0.7)))
    return image if rng.random() < 0.5 else np.ascontiguousarray(image[:, ::-1])


def tree(rng: np.random.Generator) -> np.ndarray:
    image = _empty(256, 160)
    bark = np.array([0.3, 0.24, 0.18]) * rng.uniform(0.5, 1.4)
    _polygon(image, [(72, 256), (76, 90), (86, 90), (92, 256)], bark)
    return _leafy(rng, image, (80, 80), (75, 75), 700)


def bush(rng: np.random.Generator) -> np.ndarray:
    return _leafy(rng, _empty(96, 160), (80, 60), (72, 50), 600)


def plant(rng: np.random.Generator) -> np.ndarray:
    """Draw a pot with long leaves."""
    image = _empty(192, 128)
    green = np.array([0.22, 0.42, 0.16]) * rng.uniform(0.6, 1.5)
    for _ in range(int(rng.integers(12, 30))):
        tip = np.array([64 + rng.normal(0, 34), rng.uniform(4, 110)])
        bend = np.array([64 + (tip[0] - 64) * 0.3, 90])
        _polygon(image, [(60, 150), tuple(bend), tuple(tip), tuple(bend + 9)], green * rng.uniform(0.6, 1.3))
    _polygon(image, [(36, 136), (92, 136), (84, 192), (44, 192)], mixed(rng))
    return image


def pole(rng: np.random.Generator) -> np.ndarray:
    image = _empty(256, int(rng.integers(6, 22)))
    image[..., :3] = as_bytes(muted(rng, 0.05, 0.8))
    roundness = 1 - 0.5 * np.linspace(-1, 1, image.shape[1])[None, :, None] ** 2
    image[..., :3] = image[..., :3] * roundness
    image[..., 3] = 255
    if rng.random() < 0.3:
        for start in range(0, 256, 32):
            image[start : start + 16, :, :3] = as_bytes(vivid(rng))
    return image


def sign(rng: np.random.Generator) -> np.ndarray:
    image = _empty(256, 72)
    _polygon(image, [(34, 0), (38, 0), (38, 256), (34, 256)], np.full(3, 0.5))
    if rng.random() < 0.5:
        _disc(image, (36, 36), 32, vivid(rng))
        _disc(image, (36, 36), 24, muted(rng, 0.7, 0.98))
    else:
        _polygon(image, [(4, 6), (68, 6), (68, rng.uniform(40, 110)), (4, 40)], vivid(rng))
    return image


def railing(rng: np.random.Generator) -> np.ndarray:
    image = _empty(96, 256)
    colour, step = muted(rng, 0.05, 0.85), int(rng.integers(10, 40))
    for left in range(0, 256, step):
        _polygon(image, [(left, 4), (left + 4, 4), (left + 4, 96), (left, 96)], colour)
    for top in (2, 84) if rng.random() < 0.5 else (2, 34, 64):
        _polygon(image, [(0, top), (255, top), (255, top + 5), (0, top + 5)], colour)
    if rng.random() < 0.3:
        image[8:88, :, 3] = np.maximum(image[8:88, :, 3], 60)
        image[8:88, :, :3] = np.where(image[8:88, :, 3:] == 60, as_bytes([0.75, 0.85, 0.88]), image[8:88, :, :3])
    return image


def bench(rng: np.random.Generator) -> np.ndarray:
    image = _empty(110, 224)
    wood, iron = muted(rng, 0.2, 0.7, 0.15), muted(rng, 0.05, 0.5)
    for left in (20, 196):
        _polygon(image, [(left, 20), (left + 8, 20), (left + 8, 110), (left, 110)], iron)
    for top in (8, 22, 36, 58, 68):
        _polygon(image, [(0, top), (223, top), (223, top + 9), (0, top + 9)], wood * rng.uniform(0.85, 1.1))
    return image


def chair(rng: np.random.Generator) -> np.ndarray:
    image = _empty(180, 100)
    colour, leg = mixed(rng), muted(rng, 0.05, 0.7)
    for left in (14, 80):
        _polygon(image, [(left, 90), (left + 6, 90), (left + 6, 180), (left, 180)], leg)
    _polygon(image, [(12, 4), (88, 4), (88, 76), (12, 76)], colour)
    _polygon(image, [(6, 84), (94, 84), (98, 104), (2, 104)], colour * 0.8)
    return image


def table(rng: np.random.Generator) -> np.ndarray:
    image = _empty(120, 224)
    colour = muted(rng, 0.15, 0.9, 0.15)
    for left in (14, 200):
        _polygon(image, [(left, 40), (left + 9, 40), (left + 9, 120), (left, 120)], colour * 0.6)
    for _ in range(int(rng.integers(0, 5))):
        left, width, height = rng.uniform(10, 180), rng.uniform(8, 34), rng.uniform(8, 30)
        _polygon(image, [(left, 34), (left, 34 - height), (left + width, 34 - height), (left + width, 34)], mixed(rng))
    _polygon(image, [(0, 32), (223, 32), (223, 46), (0, 46)], colour)
    return image


def box(rng: np.random.Generator) -> np.ndarray:
    """Draw a bin, a case, a cabinet or a counter."""
    image = _empty(160, int(rng.integers(70, 220)))
    colour = mixed(rng)
    image[..., :3], image[..., 3] = as_bytes(colour), 255
    image[:10, :, :3] = as_bytes(colour * 1.3)
    image[:, : int(rng.integers(2, 40)), :3] = as_bytes(colour * 0.6)
    if rng.random() < 0.4:
        cover = cv2.resize(textures.fabric(rng), (image.shape[1], 150))
        image[10:, :, :3] = cover
    return image


def bag(rng: np.random.Generator) -> np.ndarray:
    image = _empty(128, 120)
    colour = mixed(rng)
    cv2.ellipse(image, ((60.0, 44.0), (60.0, 70.0), 0.0), (*ink(colour * 0.6), 255), 6, cv2.LINE_AA)
    _polygon(image, [(14, 44), (106, 44), (118, 128), (2, 128)], colour)
    _polygon(image, [(14, 44), (106, 44), (108, 66), (12, 66)], colour * 0.8)
    return image


def bicycle(rng: np.random.Generator) -> np.ndarray:
    image = _empty(128, 200)
    for centre in (44, 156):
        cv2.circle(image, (centre, 84), 40, (12, 12, 12, 255), 4, cv2.LINE_AA)
    colour = (*ink(vivid(rng)), 255)
    for start, end in (
        ((44, 84), (84, 34)),
        ((84, 34), (138, 36)),
        ((138, 36), (156, 84)),
        ((84, 34), (98, 84)),
        ((98, 84), (138, 36)),
        ((44, 84), (98, 84)),
    ):
        cv2.line(image, start, end, colour, 5, cv2.LINE_AA)
    cv2.line(image, (76, 20), (96, 20), (10, 10, 10, 255), 8)
    cv2.line(image, (138, 36), (128, 14), (10, 10, 10, 255), 5)
    return image


def column(rng: np.random.Generator) -> np.ndarray:
    """Draw a pillar, the edge of a wall or a door leaf."""
    width = int(rng.integers(40, 130))
    walls = textures.WALLS['street' if rng.random() < 0.5 else 'indoor']
    image = cv2.resize(walls[rng.integers(len(walls))](rng), (width, 256), interpolation=cv2.INTER_AREA)
    shade = 1 - 0.4 * np.abs(np.linspace(-1, 1, width) - rng.uniform(-0.5, 0.5))[None, :, None]
    alpha = np.full((256, width, 1), 255, np.uint8)
    return np.concatenate([np.clip(image * shade, 0, 255).astype(np.uint8), alpha], 2)


def lamp(rng: np.random.Generator) -> np.ndarray:
    image = _empty(64, 96)
    _disc(image, (48, 30), int(rng.integers(8, 26)), np.array([1.0, 0.96, 0.85]))
    return image


def crowd(rng: np.random.Generator) -> np.ndarray:
    """Draw a person far away: a head, a trunk, legs."""
    image = _empty(192, 72)
    skin, hair, top, legs = (PEOPLE_COLOURS[rng.integers(a, b)] for a, b in ((0, 5), (5, 9), (9, 15), (9, 12)))
    top = mixed(rng) if rng.random() < 0.6 else top
    step = rng.uniform(-10, 10)
    _polygon(
        image,
        [(24, 100), (48, 100), (50 + step, 188), (40 + step, 188), (37, 118), (32 - step, 188), (22 - step, 188)],
        legs,
    )
    _polygon(image, [(18, 36), (54, 36), (58, 96), (50, 106), (22, 106), (14, 96)], top * rng.uniform(0.6, 1.2))
    _disc(image, (36, 18), 13, hair)
    _disc(image, (36, 21), 10, skin)
    return image


def _leafy(
    rng: np.random.Generator, image: np.ndarray, centre: tuple[float, float], reach: tuple[float, float], count: int
) -> np.ndarray:
    light = np.array([0.4, 0.52, 0.2]) * rng.uniform(0.6, 1.3) + rng.normal(0, 0.04, 3)
    for step in np.linspace(0.15, 1, count):
        offset = rng.normal(0, 0.42, 2).clip(-1, 1) * reach
        colour = light * np.clip(step - 0.15 * offset[1] / reach[1] + rng.normal(0, 0.15), 0.1, 1.2)
        axes = rng.uniform(3, 11, 2)
        place = (float(centre[0] + offset[0]), float(centre[1] + offset[1]))
        cv2.ellipse(image, (place, tuple(axes), float(rng.uniform(0, 180))), (*ink(colour), 255), -1)
    return image


def _empty(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 4), np.uint8)


def _polygon(image: np.ndarray, points: list[tuple[float, float]], colour: np.ndarray) -> None:
    cv2.fillPoly(image, [np.array(points).astype(np.int32)], (*ink(colour), 255), cv2.LINE_AA)


def _disc(image: np.ndarray, centre: tuple[int, int], radius: int, colour: np.ndarray) -> None:
    cv2.circle(image, centre, radius, (*ink(colour), 255), -1, cv2.LINE_AA)
