"""Patterns of cloth: how much of the second colour each place has."""

from collections.abc import Callable

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(x, y, period), all in pixels -> share of the second colour, float32 in [0, 1]."""

DOT_RADIUS = 0.27  # periods; about a fifth of the cloth is dots


def _band(place: np.ndarray, period: float) -> np.ndarray:
    """Bands half a period wide, with edges one pixel soft: the pattern neither flickers nor looks cut out."""
    distance = np.abs(place / period - np.round(place / period)) * period  # to the middle of the nearest band
    return np.clip(period / 4 - distance + 0.5, 0, 1)


def stripes(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Around the body."""
    return _band(y, period)


def pinstripes(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Along the body."""
    return _band(x, period)


def checks(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Gingham: where two bands cross it has the second colour, where one runs half of it."""
    return (_band(x, period) + _band(y, period)) / 2


def dots(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Round, in rows of which every other is set off by half a period."""
    row = np.round(y / (period * 0.5))
    across = x / period - row / 2
    distance = np.hypot((across - np.round(across)) * period, y - row * period * 0.5)
    return np.clip(DOT_RADIUS * period * 0.75 - distance + 0.5, 0, 1)


PATTERNS: dict[str, Pattern | None] = {
    'plain': None,
    'stripes': stripes,
    'pinstripes': pinstripes,
    'checks': checks,
    'dots': dots,
}
"""By name; plain cloth has one colour."""
