"""Base of hair and hats: measures of a person's head, and depths of the clothed trunk behind and in front."""

from typing import NamedTuple

import numpy as np

from ifd_zoo.synthetic.bodies.identity import Coiffure
from ifd_zoo.synthetic.clothes.fitting import Fitting

CELL = 0.02
"""Cell size of the depth maps, metres."""


class Skull(NamedTuple):
    """Upright ellipsoid around the head without ears, metres at rest."""

    centre: np.ndarray
    """(3,)"""
    radii: np.ndarray
    """(3,) half width, half depth, height of the crown above the centre"""
    eye: float
    """Height of the eyes"""

    @property
    def crown(self) -> float:
        return float(self.centre[2] + self.radii[2])

    def around(
        self, turn: np.ndarray, height: np.ndarray, off: np.ndarray | float, top: float | None = None
    ) -> np.ndarray:
        """Return (..., 3) points `off` metres outside the skull; below its centre they run straight down.

        Args:
            turn: radians from the front towards the left ear.
            height: of the points, metres.
            top: height at which they meet above the centre; by default `off` above the crown.
        """
        reach = self.radii[2] + off if top is None else top - self.centre[2]
        up = np.clip((height - self.centre[2]) / reach, 0, 1)
        wide = np.sqrt(np.maximum(1 - up**2.15, 0))
        x = (self.radii[0] + off) * np.sin(turn) * wide
        y = -(self.radii[1] + off) * np.cos(turn) * wide
        return np.stack([self.centre[0] + x, self.centre[1] + y, np.broadcast_to(height, x.shape)], -1).astype(
            np.float32
        )


def measure_skull(fitting: Fitting) -> Skull:
    surface = fitting.body.skin.surface
    points = fitting.identity.vertices[fitting.body.skin.source]
    eye = float(fitting.identity.joints[fitting.body.skeleton.index['eye.L']][2])
    head = points[(surface.fields.head > 0.5) & (points[:, 2] > eye + 0.035)]
    low, high = head.min(0), head.max(0)
    middle = (low + high) / 2
    centre = np.array([0, middle[1], eye + 0.035], np.float32)
    return Skull(centre, np.array([high[0], (high[1] - low[1]) / 2, high[2] - centre[2]], np.float32), eye)


class Depths:
    """Depth maps over x and z of the outermost cloth on the trunk, front and back."""

    def __init__(self, fitting: Fitting) -> None:
        figure = fitting.figure
        trunk = figure.surface.fields.arm < 0.5
        points = figure.profile()[trunk]
        self._low = points[:, [0, 2]].min(0)
        size = ((points[:, [0, 2]].max(0) - self._low) / CELL).astype(int) + 2
        self.front = _filled(self._table(points, size, np.minimum, np.inf), np.minimum)
        self.back = _filled(self._table(points, size, np.maximum, -np.inf), np.maximum)

    def _table(self, points: np.ndarray, size: np.ndarray, extreme: np.ufunc, nothing: float) -> np.ndarray:
        table = np.full(size, nothing, np.float32)
        column, row = ((points[:, [0, 2]] - self._low) / CELL + 0.5).astype(int).T
        extreme.at(table, (column, row), points[:, 1])
        return table

    def outside(self, points: np.ndarray, gap: float, behind: bool) -> np.ndarray:
        """Return the points, moved to at least `gap` metres behind or in front of the trunk where it is in the way."""
        table = self.back if behind else self.front
        place = (points[..., [0, 2]] - self._low) / CELL
        column, row = (np.clip(place[..., axis].round().astype(int), 0, table.shape[axis] - 1) for axis in (0, 1))
        inside = (
            (place[..., 1] < table.shape[1] - 0.5) & (place[..., 0] > -0.5) & (place[..., 0] < table.shape[0] - 0.5)
        )
        limit = table[column, row]
        if behind:
            moved = np.maximum(points[..., 1], limit + gap)
        else:
            moved = np.minimum(points[..., 1], limit - gap)
        result = points.copy()
        result[..., 1] = np.where(inside, moved, points[..., 1])
        return result


class Coat(NamedTuple):
    """The head that hair is put on."""

    fitting: Fitting
    hair: Coiffure
    skull: Skull
    depths: Depths
    hat: float | None
    """Height of the lower edge of a hat; hair above it is pressed flat."""

    def press(self, height: np.ndarray) -> np.ndarray:
        """Return the share of its thickness, 0 to 1, that hair keeps at each height."""
        return np.ones_like(height) if self.hat is None else np.clip((self.hat + 0.015 - height) / 0.03, 0.0, 1)


def _filled(table: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """Spread each cell to its neighbours by the extreme value, which also fills holes."""
    padded = np.pad(table, 1, mode='edge')
    rows, columns = table.shape
    shifts = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return extreme.reduce(shifts)
