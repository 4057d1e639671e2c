"""Colours of backgrounds, and colours that could be mistaken for people; sRGB 0 to 1."""

import cv2
import numpy as np

PEOPLE_COLOURS = np.array(
    [
        (224, 178, 148), (205, 152, 118), (160, 112, 80), (96, 62, 44), (236, 196, 170),
        (24, 19, 17), (52, 36, 26), (96, 66, 42), (150, 118, 76),
        (32, 36, 52), (60, 80, 116), (24, 24, 27), (222, 220, 214), (150, 34, 40), (112, 104, 88),
    ],
    np.float32,
) / 255  # fmt: skip
"""Colours of skin, hair and clothes."""


def muted(rng: np.random.Generator, low: float = 0.35, high: float = 0.97, spread: float = 0.035) -> np.ndarray:
    """Draw a (3,) colour of walls and floors: weakly saturated, more often warm than cold."""
    warmth = rng.normal(0.02, spread)
    # Photos of streets and rooms are bright and grey: half of the background is above 0.6.
    tone = np.array([1 + warmth, 1, 1 - warmth * 1.3])
    colour = (low + (high - low) * rng.beta(2.2, 1.1)) * tone + rng.normal(0, 0.008, 3)
    return np.clip(colour, 0.03, 0.98).astype(np.float32)


def vivid(rng: np.random.Generator) -> np.ndarray:
    """Draw a (3,) colour of signs, goods and cars."""
    hue, saturation, value = rng.uniform(0, 180), rng.beta(1.6, 2) * 225, rng.uniform(70, 250)
    pixel = np.array([[[hue, saturation, value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32) / 255


def mixed(rng: np.random.Generator) -> np.ndarray:
    """Draw a (3,) colour that is muted, vivid or one of `PEOPLE_COLOURS`."""
    choice = rng.random()
    if choice < 0.6:
        return muted(rng, 0.08, 0.92)
    if choice < 0.8:
        return vivid(rng)
    return np.clip(PEOPLE_COLOURS[rng.integers(len(PEOPLE_COLOURS))] + rng.normal(0, 0.03, 3), 0, 1).astype(np.float32)


def as_bytes(colour: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(colour) * 255, 0, 255).astype(np.uint8)


def ink(colour: np.ndarray) -> tuple[float, ...]:
    """Return the colour as OpenCV's drawing functions take it."""
    return tuple(float(c) for c in np.clip(np.asarray(colour) * 255, 0, 255))
