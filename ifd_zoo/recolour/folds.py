"""The light on a cloth, told from its dye.

What changes L but neither a / L nor b / L (see `colour`) is a fold; what changes them together is a printed or woven
pattern, which cloth of another colour does not have.
"""

from typing import NamedTuple

import numpy as np

from ifd_zoo.recolour.colour import light_to_oklab

DARK = 0.05  # Oklab L; below, a photo has more noise than colour
TINT_NOISE = 0.03  # of a / L and b / L within plain cloth; less is no pattern
LEAST = 0.01  # spread; less is the noise of 8 bits
USUAL = 0.12  # spread of log L; more is a pattern and no folds
DARKEST, BRIGHTEST = 2.5, 1.5  # spreads; what is further out is a buckle, a hand or a rim of ground inside the mask
CALM = 0.3  # power of the lightness ratio by which dark cloth that becomes bright loses its noise
ROOM = 0.05  # log L that every cloth, white too, keeps for its bright sides
STRETCH = 1.4  # by which the contrast of a garment changes at most when looks are traded
SAMPLE = 10_000  # pixels, about, that statistics are taken of


class Look(NamedTuple):
    """What a garment looks like as a whole."""

    log: float
    """Middle of log L."""
    spread: float
    """Spread of log L, as of a standard deviation."""
    tint: np.ndarray
    """Middle of (a / L, b / L)."""
    variety: np.ndarray
    """Spread of (a / L, b / L)."""


def find_folds(lab: np.ndarray, dye: np.ndarray) -> np.ndarray:
    """How the light varies over one garment, for a cloth of another dye.

    Args:
        lab: Oklab (N, 3) of its pixels.
        dye: the new cloth's light (3,).

    Returns:
        Change of log L (N,) float32 against the middle of the garment, without what comes from patterns.
    """
    light = np.maximum(lab[:, 0], DARK)
    log = np.log(light)
    folds = log - _explained(lab[:, 1:] / light[:, None], log)
    middle, spread = _spread(folds)
    brighter = np.log(max(float(light_to_oklab(dye)[0]), DARK)) - np.median(log[:: _step(log)])
    strength = min(1.0, USUAL / spread) * np.exp(-CALM * max(0.0, brighter))
    return _limited(folds - np.float32(middle), -DARKEST * spread, BRIGHTEST * spread) * np.float32(strength)


def fold(dye: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """A dye under the light of the folds.

    Args:
        dye: light (3,) or (N, 3) float32.
        folds: change of log L (N,).

    Returns:
        Light (N, 3), at most 1 and of the dye's hue: bright sides of a bright cloth get flatter, none is cut off.
    """
    room = -np.log(np.maximum(dye.max(axis=-1), 1e-3)) / 3  # up to the brightest that a screen shows
    down = np.minimum(room - ROOM, 0)
    room = np.maximum(room, ROOM)
    bright = room * -np.expm1(-np.maximum(folds, 0) / room)  # slope 1 at 0, and below the room everywhere
    return dye * np.exp(3 * (np.where(folds > 0, bright, folds) + down))[:, None]


def trade_looks(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two garments with the middle and the spread of each other's light, and the middle of each other's tint.

    By how much the colour of a pixel differs from the middle tint stays, so a pattern stays. Trading twice gives back
    about the first colours, unless contrasts differ by more than `STRETCH` or a colour is beyond the screen.

    Args:
        first, second: Oklab (N, 3), (M, 3).

    Returns:
        Oklab (N, 3), (M, 3).
    """
    looks = _look(first), _look(second)
    return _dressed(first, *looks), _dressed(second, *reversed(looks))


def _look(lab: np.ndarray) -> Look:
    some = lab[:: _step(lab)]
    light = np.maximum(some[:, 0], DARK)
    tints = [_spread(tint) for tint in (some[:, 1:] / light[:, None]).T]
    return Look(*_spread(np.log(light)), *np.array(tints, dtype=np.float32).T)


def _dressed(lab: np.ndarray, own: Look, other: Look) -> np.ndarray:
    light = np.maximum(lab[:, :1], DARK)
    stretch = np.clip(other.spread / own.spread, 1 / STRETCH, STRETCH)
    folds = _limited(np.log(light) - own.log, -DARKEST * own.spread, BRIGHTEST * own.spread)
    new = np.exp(other.log + folds * stretch)
    pattern = _limited(lab[:, 1:] / light - own.tint, -DARKEST * own.variety, DARKEST * own.variety)
    return np.hstack([new, new * other.tint + light * pattern])


def _explained(tint: np.ndarray, log: np.ndarray) -> np.ndarray:
    """The part (N,) of log L that a quadratic of the tint (N, 2) tells; ridge regression, so that noise tells none."""
    step = _step(log)
    a, b = (tint - np.median(tint[::step], axis=0)).T
    terms = np.stack([a, b, 10 * a * a, 10 * b * b, 10 * a * b])  # 10: a strong tint is 0.1, so all terms are alike
    some = terms[:, ::step]
    mean = some.mean(1, keepdims=True)
    some = some - mean
    moments = some @ some.T / some.shape[1] + TINT_NOISE**2 * np.eye(len(terms), dtype=np.float32)
    target = log[::step] - log[::step].mean()
    weights = np.linalg.solve(moments, some @ target / len(target))
    return weights @ (terms - mean)


def _spread(values: np.ndarray) -> tuple[float, float]:
    """The middle, and what in a normal distribution is the standard deviation; neither heeds outliers."""
    low, middle, high = np.percentile(values[:: _step(values)], [16, 50, 84])
    return float(middle), max(float(high - low) / 2, LEAST)


def _limited(change: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Between both ends, smoothly, and as it is near 0."""
    end = np.where(change < 0, np.float32(low), np.float32(high))
    return end * np.tanh(change / end)


def _step(values: np.ndarray) -> int:
    return max(1, len(values) // SAMPLE)
