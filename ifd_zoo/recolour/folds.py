"""Separates the light on a cloth from its dye.

A change of L alone, with the same a / L and b / L (see `colour`), is a fold; a change of all of them is a printed or
woven pattern, which cloth of another colour does not have.
"""

from typing import NamedTuple

import numpy as np

from ifd_zoo.recolour.colour import light_to_oklab

DARK = 0.05  # Oklab L; below it, a photo has more noise than colour
TINT_NOISE = 0.03  # of a / L and b / L within plain cloth; smaller changes are not a pattern
LEAST = 0.01  # spread; a smaller one is 8-bit noise
USUAL = 0.12  # spread of log L; a larger one comes from a pattern, not from folds
DARKEST, BRIGHTEST = 2.5, 1.5  # spreads; further out are buckles, hands or a rim of background inside the mask
CALM = 0.3  # power of the lightness ratio; weakens the noise of dark cloth that becomes bright
ROOM = 0.05  # log L that every cloth, even white, keeps for its bright sides
STRETCH = 1.4  # largest factor by which a garment's contrast changes when looks are swapped
SAMPLE = 10_000  # approximate number of pixels from which statistics are computed


class Look(NamedTuple):
    """The look of a garment as a whole."""

    log: float
    """Median of log L."""
    spread: float
    """Spread of log L, comparable to a standard deviation."""
    tint: np.ndarray
    """Median of (a / L, b / L)."""
    variety: np.ndarray
    """Spread of (a / L, b / L)."""


def find_folds(lab: np.ndarray, dye: np.ndarray) -> np.ndarray:
    """Return how the light varies over a garment, for use on a cloth of another dye.

    Args:
        lab: Oklab (N, 3) of its pixels.
        dye: light (3,) of the new cloth.

    Returns:
        Change of log L (N,) float32 against the median of the garment, without what comes from patterns.
    """
    light = np.maximum(lab[:, 0], DARK)
    log = np.log(light)
    folds = log - _explained(lab[:, 1:] / light[:, None], log)
    middle, spread = _spread(folds)
    brighter = np.log(max(float(light_to_oklab(dye)[0]), DARK)) - np.median(log[:: _step(log)])
    strength = min(1.0, USUAL / spread) * np.exp(-CALM * max(0.0, brighter))
    return _limited(folds - np.float32(middle), -DARKEST * spread, BRIGHTEST * spread) * np.float32(strength)


def apply_folds(dye: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return a dye under the light of the folds.

    Args:
        dye: light (3,) or (N, 3) float32.
        folds: change of log L (N,).

    Returns:
        Light (N, 3), at most 1 and of the dye's hue: bright sides of a bright cloth are compressed, not clipped.
    """
    room = -np.log(np.maximum(dye.max(axis=-1), 1e-3)) / 3  # up to the brightest displayable value
    down = np.minimum(room - ROOM, 0)
    room = np.maximum(room, ROOM)
    bright = room * -np.expm1(-np.maximum(folds, 0) / room)  # slope 1 at 0, and less than `room` everywhere
    return dye * np.exp(3 * (np.where(folds > 0, bright, folds) + down))[:, None]


def swap_looks(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two garments, each with the median and spread of the other's light and the median of the other's tint.

    The difference of each pixel from the median tint stays, so patterns stay. Swapping twice approximately restores the
    colours, unless contrasts differ by more than `STRETCH` or a colour is not displayable.

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
    """Return the part (N,) of log L that a quadratic of the tint (N, 2) explains; ridge regression leaves out noise."""
    step = _step(log)
    a, b = (tint - np.median(tint[::step], axis=0)).T
    terms = np.stack([a, b, 10 * a * a, 10 * b * b, 10 * a * b])  # 10: a strong tint is 0.1, so terms are of one scale
    some = terms[:, ::step]
    mean = some.mean(1, keepdims=True)
    some = some - mean
    moments = some @ some.T / some.shape[1] + TINT_NOISE**2 * np.eye(len(terms), dtype=np.float32)
    target = log[::step] - log[::step].mean()
    weights = np.linalg.solve(moments, some @ target / len(target))
    return weights @ (terms - mean)


def _spread(values: np.ndarray) -> tuple[float, float]:
    """Return the median, and a spread that is the standard deviation of a normal distribution; both ignore outliers."""
    low, middle, high = np.percentile(values[:: _step(values)], [16, 50, 84])
    return float(middle), max(float(high - low) / 2, LEAST)


def _limited(change: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Return values limited smoothly to [low, high]; those near 0 hardly change."""
    end = np.where(change < 0, np.float32(low), np.float32(high))
    return end * np.tanh(change / end)


def _step(values: np.ndarray) -> int:
    return max(1, len(values) // SAMPLE)
