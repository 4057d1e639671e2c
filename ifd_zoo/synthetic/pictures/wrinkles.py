"""Creases of cloth: bends of the normals, looked up by position on the body."""

from functools import lru_cache

import numpy as np

from ifd_zoo.synthetic.pictures.noise import plane_noise

SIDE = 512
TURN = 0.9
"""Width and height of the texture on the trunk, metres."""
KINDS = 4


class Wrinkles:
    """Tileable sheets of creases: hanging folds, diagonal pulls, crumples and a mixture."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self._sheets = [_slopes(_heights(rng, kind)) for kind in range(KINDS)]

    def at(self, around: np.ndarray, height: np.ndarray, seed: float) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, 2) float32 slopes across and up, and (N,) shade about 0, at turns around and metres of height.

        Args:
            seed: of the garment; selects the sheet and the position on it.
        """
        kind = int(abs(seed) * 7.31) % KINDS
        column = (around * SIDE + seed * 131).astype(np.int32) & (SIDE - 1)
        row = (height * np.float32(SIDE / TURN) + seed * 277).astype(np.int32) & (SIDE - 1)
        values = self._sheets[kind][row * SIDE + column]
        return values[:, :2], values[:, 2]

    @staticmethod
    def bent(normal: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return unit normals of the creased surface; across is horizontal, up is towards +z."""
        length = np.maximum(np.hypot(normal[:, 0], normal[:, 1]), np.float32(0.15))
        across = np.stack([-normal[:, 1] / length, normal[:, 0] / length], 1)
        lean = 1 + slopes[:, 1] * normal[:, 2] / length
        result = np.empty_like(normal)
        result[:, :2] = normal[:, :2] * lean[:, None] - slopes[:, :1] * across
        result[:, 2] = normal[:, 2] - slopes[:, 1] * length
        return result / np.maximum(np.sqrt(np.einsum('ij,ij->i', result, result)), np.float32(1e-6))[:, None]


@lru_cache(maxsize=1)
def shared_wrinkles() -> Wrinkles:
    """Return the creases that all of the process shares; they are always the same."""
    return Wrinkles()


def _heights(rng: np.random.Generator, kind: int) -> np.ndarray:
    """(SIDE, SIDE) heights, unscaled."""
    size = (SIDE, SIDE)
    hanging = _ridges(plane_noise(rng, size, (2, 9), 2))
    diagonal = _ridges(_sheared(plane_noise(rng, size, (9, 3), 3), 1)) + _ridges(
        _sheared(plane_noise(rng, size, (8, 3), 3), -1)
    )
    crumpled = _ridges(plane_noise(rng, size, (5, 5), 3, 0.55))
    shares = ((0.8, 0.4, 0.3), (0.3, 0.9, 0.3), (0.2, 0.4, 0.9), (0.5, 0.5, 0.5))[kind]
    total = (
        shares[0] * hanging + shares[1] * diagonal + shares[2] * crumpled + 0.12 * plane_noise(rng, size, (24, 24), 2)
    )
    return total * (0.75 + 0.35 * plane_noise(rng, size, (3, 3), 2))


def _ridges(field: np.ndarray) -> np.ndarray:
    """Sharp crests with wide valleys between them, as in cloth pushed together."""
    return np.exp(-np.abs(field) * 1.8) * 1.6


def _sheared(field: np.ndarray, turns: int) -> np.ndarray:
    """Shift each row relative to the one before, by whole turns in total, so that the field still tiles."""
    columns = (np.arange(SIDE)[None] + turns * np.arange(SIDE)[:, None]) % SIDE
    return np.take_along_axis(field, columns, 1)


def _slopes(heights: np.ndarray) -> np.ndarray:
    """(SIDE * SIDE, 3) float32 slopes across and up, and the shade of valleys and crests."""
    across = np.roll(heights, -1, 1) - np.roll(heights, 1, 1)
    up = np.roll(heights, -1, 0) - np.roll(heights, 1, 0)
    slopes = np.stack([across, up], -1)
    slopes *= 0.24 / slopes.std()
    shade = (heights - heights.mean()) / heights.std() * 0.04
    return np.clip(np.concatenate([slopes, shade[..., None]], -1), -0.9, 0.9).astype(np.float32).reshape(-1, 3)
