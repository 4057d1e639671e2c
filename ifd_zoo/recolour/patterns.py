"""Patterns of cloth: the share of the second colour at each pixel."""

from collections.abc import Callable

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(x, y, period), all in pixels -> share of the second colour, float32 in [0, 1]."""

DOT_RADIUS = 0.27  # of 3 / 4 of a period; about a quarter of the cloth is dots


def _band(place: np.ndarray, period: float) -> np.ndarray:
    """Return bands half a period wide; edges one pixel soft avoid flicker and cut-out outlines."""
    distance = np.abs(place / period - np.round(place / period)) * period  # from the middle of the nearest band
    return np.clip(period / 4 - distance + 0.5, 0, 1)


def stripes(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Return stripes around the body."""
    return _band(y, period)


def pinstripes(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Return stripes along the body."""
    return _band(x, period)


def checks(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Return gingham: the second colour where two bands cross, half of it where there is only one."""
    return (_band(x, period) + _band(y, period)) / 2


def dots(x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Return round dots in rows; every other row is shifted by half a period."""
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
"""Patterns by name; plain cloth has one colour."""
