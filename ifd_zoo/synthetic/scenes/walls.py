"""Walls with windows, doors, shelves etc., (256, 512, 3) uint8: 4 metres high, 8 wide, the floor at the bottom."""

from collections.abc import Callable

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.noise import plane_noise
from ifd_zoo.synthetic.scenes import textures
from ifd_zoo.synthetic.scenes.palette import PEOPLE_COLOURS, as_bytes, ink, mixed, muted, vivid

HEIGHT, WIDTH = 256, 512

Painter = Callable[[np.random.Generator, str], np.ndarray]


def bare(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw one material, at times with a tinted lower part or a skirting board."""
    image = covered(textures.WALLS[place][rng.integers(len(textures.WALLS[place]))](rng))
    if rng.random() < 0.4:
        _tint(image, (0, HEIGHT - int(rng.uniform(50, 110)), WIDTH, HEIGHT), muted(rng), 0.75)
    if rng.random() < 0.6:
        image[HEIGHT - int(rng.integers(6, 14)) :] = as_bytes(muted(rng, 0.1, 0.9))
    return image


def openings(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw a row of windows and doors."""
    image = bare(rng, place)
    step = int(rng.integers(70, 170))
    width, top, bottom = step * rng.uniform(0.35, 0.75), rng.uniform(30, 90), rng.uniform(140, 190)
    frame, lit = muted(rng, 0.1, 0.95), place == 'indoor' or rng.random() < 0.3
    for left in np.arange(rng.uniform(0, step), WIDTH, step):
        if rng.random() < 0.2:
            _door(rng, image, (left, left + max(width, 60)))
        else:
            _window(rng, image, (left, top, left + width, bottom), frame, lit)
    return image


def building(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw storeys of windows: a house that is shown larger or farther away."""
    image = covered(textures.WALLS['street'][rng.integers(4)](rng))
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(4, 16))
    height, width = HEIGHT / rows, WIDTH / columns
    size = rng.uniform(0.35, 0.8, 2)
    frame = muted(rng, 0.2, 0.9)
    for row in range(rows):
        for column in range(columns):
            left, top = (column + (1 - size[0]) / 2) * width, (row + (1 - size[1]) / 2) * height
            box = (left, top, left + size[0] * width, top + size[1] * height)
            _window(rng, image, box, frame, rng.random() < 0.1)
    return image


def shop_window(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw large panes with goods behind them and a sign above."""
    image = bare(rng, place)
    top, bottom = rng.uniform(60, 100), rng.uniform(215, 250)
    _rectangle(image, (0, top - rng.uniform(25, 45), WIDTH, top - 4), vivid(rng))
    _letters(rng, image, (rng.uniform(0, 200), top - 10), mixed(rng), rng.uniform(0.7, 1.3))
    step = rng.uniform(90, 200)
    inside = mixed(rng) * rng.uniform(0.2, 1.1)
    for left in np.arange(-rng.uniform(0, step), WIDTH, step):
        box = (left, top, left + step - rng.uniform(4, 14), bottom)
        _rectangle(image, box, inside)
        for _ in range(int(rng.integers(3, 14))):
            _goods(rng, image, box)
        _reflection(rng, image, box)
    return image


def shelves(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw shelves of books, boxes, bottles or folded clothes."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = as_bytes(muted(rng, 0.08, 0.6))
    board = muted(rng, 0.15, 0.95)
    height = rng.uniform(18, 60)
    palette = [mixed(rng) for _ in range(int(rng.integers(3, 12)))]
    for bottom in np.arange(HEIGHT - rng.uniform(4, 20), 0, -height):
        left = 0.0
        while left < WIDTH:
            width, tall = rng.uniform(3, 22), height * rng.uniform(0.4, 0.9)
            if rng.random() < 0.85:
                colour = palette[rng.integers(len(palette))] * rng.uniform(0.6, 1.1)
                _rectangle(image, (left, bottom - tall, left + width, bottom), colour)
            left += width + rng.uniform(0, 3)
        _rectangle(image, (0, bottom, WIDTH, bottom + height * 0.08 + 1), board)
    return image


def rack(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw clothes on hangers: clothes without people in them."""
    image = bare(rng, 'indoor')
    for bar in (rng.uniform(70, 110), rng.uniform(150, 180)):
        left = rng.uniform(0, 40)
        while left < WIDTH:
            width, length = rng.uniform(8, 34), rng.uniform(45, 90)
            cloth = PEOPLE_COLOURS[rng.integers(9, len(PEOPLE_COLOURS))] if rng.random() < 0.5 else mixed(rng)
            points = [(0.5, -4), (1, 6), (1.05, length), (-0.05, length * 0.97), (0, 6)]
            outline = np.array([(left + x * width, bar + y) for x, y in points])
            cv2.fillPoly(image, [outline.astype(np.int32)], ink(cloth * rng.uniform(0.6, 1.1)), cv2.LINE_AA)
            left += width * rng.uniform(0.5, 1.1)
        _rectangle(image, (0, bar - 6, WIDTH, bar - 4), np.full(3, 0.6))
    return image


def pictures(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw posters, paintings and notices, some in the colours of faces and clothes."""
    image = bare(rng, place)
    for _ in range(int(rng.integers(1, 8))):
        left, top = rng.uniform(-20, WIDTH - 30), rng.uniform(20, 130)
        box = (left, top, left + rng.uniform(25, 120), top + rng.uniform(25, 120))
        _rectangle(image, box, muted(rng, 0.05, 0.98))
        inner = (box[0] + 4, box[1] + 4, box[2] - 4, box[3] - 4)
        _rectangle(image, inner, mixed(rng))
        for _ in range(int(rng.integers(1, 7))):
            _goods(rng, image, inner)
    return image


def escalator(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw slanted balustrades and steps."""
    image = bare(rng, 'indoor')
    slope = rng.uniform(0.3, 0.8) * rng.choice([-1, 1])
    for start in np.arange(-600, 700, rng.uniform(90, 200)):
        colour = muted(rng, 0.05, 0.9)
        for offset, thickness in ((0, 8), (14, 26), (52, 5)):
            ends = [(0, int(start + offset)), (WIDTH, int(start + offset + slope * WIDTH))]
            cv2.line(image, *ends, ink(colour * rng.uniform(0.4, 1.2)), thickness, cv2.LINE_AA)
    return image


def steps(rng: np.random.Generator, place: str) -> np.ndarray:
    """Draw a flight of stairs from the front."""
    image = bare(rng, 'street')
    height = rng.uniform(8, 14)
    colour = muted(rng, 0.4, 0.85, 0.03)
    for index, bottom in enumerate(np.arange(HEIGHT, HEIGHT - rng.uniform(80, 220), -height)):
        _rectangle(image, (0, bottom - height, WIDTH, bottom), colour * (0.72 + 0.01 * index))
        _rectangle(image, (0, bottom - height, WIDTH, bottom - height * 0.65), colour)
    return image


def covered(tile: np.ndarray) -> np.ndarray:
    """Repeat a 2-metre tile over a wall."""
    small = cv2.resize(tile, (WIDTH // 4, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return np.tile(small, (2, 4, 1))


def _window(rng: np.random.Generator, image: np.ndarray, box: tuple[float, ...], frame: np.ndarray, lit: bool) -> None:
    left, top, right, bottom = box
    _rectangle(image, (left - 3, top - 3, right + 3, bottom + 3), frame)
    glass = np.array([0.85, 0.92, 1.0]) * rng.uniform(0.8, 1.15) if lit else muted(rng, 0.05, 0.45)
    _rectangle(image, box, glass)
    _reflection(rng, image, box)
    if rng.random() < 0.3:
        _rectangle(image, (left, top, right, top + (bottom - top) * rng.uniform(0.1, 0.7)), muted(rng, 0.5, 0.95))
    middle = (left + right) / 2
    _rectangle(image, (middle - 1, top, middle + 1, bottom), frame)


def _door(rng: np.random.Generator, image: np.ndarray, sides: tuple[float, float]) -> None:
    left, right = sides
    colour = mixed(rng) * 0.8
    _rectangle(image, (left - 4, 112, right + 4, HEIGHT), colour * 0.6)
    _rectangle(image, (left, 116, right, HEIGHT), colour)
    for top, bottom in ((124, 178), (188, 246)):
        _rectangle(image, (left + 7, top, right - 7, bottom), colour * rng.uniform(0.7, 1.2))


def _goods(rng: np.random.Generator, image: np.ndarray, box: tuple[float, ...]) -> None:
    """Draw something in its own colour within a box."""
    left, top, right, bottom = box
    width, height = (right - left) * rng.uniform(0.1, 0.5), (bottom - top) * rng.uniform(0.1, 0.7)
    x, y = rng.uniform(left, max(right - width, left + 1)), rng.uniform(top, max(bottom - height, top + 1))
    colour = PEOPLE_COLOURS[rng.integers(len(PEOPLE_COLOURS))] if rng.random() < 0.4 else mixed(rng)
    if rng.random() < 0.5:
        _rectangle(image, (x, y, x + width, y + height), colour)
    else:
        centre = (x + width / 2, y + height / 2)
        cv2.ellipse(image, (centre, (width, height), 0.0), ink(colour), -1, cv2.LINE_AA)


def _reflection(rng: np.random.Generator, image: np.ndarray, box: tuple[float, ...]) -> None:
    """Draw the reflection of the street on a pane."""
    left, top, right, bottom = (int(np.clip(v, 0, n)) for v, n in zip(box, (WIDTH, HEIGHT) * 2, strict=True))
    part = image[top:bottom, left:right]
    if part.size:
        blotches = cv2.resize(rng.random((4, 4, 1)).astype(np.float32), (right - left, bottom - top))
        share = (0.45 * blotches**2)[..., None]
        part[:] = part + (as_bytes([0.8, 0.88, 0.95]) - part.astype(np.float32)) * share


def _letters(
    rng: np.random.Generator, image: np.ndarray, place: tuple[float, float], colour: np.ndarray, scale: float
) -> None:
    text = ''.join(chr(65 + letter) for letter in rng.integers(0, 26, rng.integers(3, 12)))
    where = (int(place[0]), int(place[1]))
    cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, ink(colour), 3, cv2.LINE_AA)


def _rectangle(image: np.ndarray, box: tuple[float, ...], colour: np.ndarray) -> None:
    left, top, right, bottom = (int(round(max(v, 0))) for v in box)
    image[top:bottom, left:right] = as_bytes(colour)


def _tint(image: np.ndarray, box: tuple[int, ...], colour: np.ndarray, strength: float) -> None:
    left, top, right, bottom = box
    part = image[top:bottom, left:right]
    part[:] = part * (1 - strength) + as_bytes(colour) * strength


def sky(rng: np.random.Generator) -> np.ndarray:
    """Draw a (256, 256, 3) sky from the zenith down to the horizon."""
    zenith = np.array([0.35, 0.55, 0.85]) if rng.random() < 0.5 else np.array([0.72, 0.76, 0.82])
    horizon = np.array([0.85, 0.9, 0.95]) * rng.uniform(0.85, 1.1)
    share = np.linspace(0, 1, textures.SIDE)[:, None, None]
    image = zenith + (horizon - zenith) * share
    clouds = np.clip(plane_noise(rng, textures.SIZE, (3, 2), 5) * 0.6 + rng.normal(0, 0.5), 0, 1)[..., None]
    return as_bytes(image + (np.array([0.97, 0.97, 0.98]) - image) * clouds * rng.uniform(0, 1))


KINDS: dict[str, tuple[Painter, ...]] = {
    'street': (bare, openings, building, shop_window, pictures, steps, building, shop_window),
    'park': (bare, bare, building, openings),
    'indoor': (bare, openings, pictures, shelves, rack, escalator, shop_window, pictures),
}
