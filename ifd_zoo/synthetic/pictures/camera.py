"""Cameras, and the box that a detector crops from their view.

The camera stands on the -y side of the person and looks along +y; people are turned instead of the camera, so that
walls and sun stay fixed relative to it.
"""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Framing:
    """Box around a person, relative to the person's extent in the image."""

    margin: float = 0.1
    """Share added to width and height, half of it on either side."""
    shift: tuple[float, float] = (0.0, 0.0)
    """To the right and up, in half widths and half heights of the box."""
    cut_top: float = 0.0
    cut_bottom: float = 0.0
    stretch: float = 1.0
    """Factor by which the box was widened to the image's aspect ratio."""

    def facts(self) -> dict[str, float]:
        cuts = {'cut_top': self.cut_top, 'cut_bottom': self.cut_bottom}
        return {'margin': self.margin, **cuts, 'stretch': self.stretch}


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with a box cropped from its view."""

    matrix: np.ndarray
    """(3, 4) float64 from (x, y, z, 1) to (column * depth, row * depth, depth) on the grid of samples."""
    position: np.ndarray
    """(3,)"""
    size: tuple[int, int]
    """Rows and columns of the grid."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project (N, 3) points to float32 column, row and depth in metres along the optical axis."""
        homogeneous = points @ self.matrix[:, :3].T.astype(np.float32) + self.matrix[:, 3].astype(np.float32)
        homogeneous[:, :2] /= homogeneous[:, 2:]
        return homogeneous

    def plane(self, origin: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Return (3, 3) from (column, row, 1) to (a, b, 1) / depth, for points origin + a * across + b * up."""
        return np.linalg.inv(self.matrix @ np.array([[*across, 0], [*up, 0], [*origin, 1]]).T)

    @property
    def samples_per_metre(self) -> float:
        """Samples per metre at the position of the person."""
        feet = self.matrix @ [0, 0, 0.9, 1]
        side = self.matrix @ [0.1, 0, 0.9, 1]
        return float(np.linalg.norm(side[:2] / side[2] - feet[:2] / feet[2]) * 10)


@dataclass(frozen=True)
class Stand:
    """Position of a camera relative to the middle of the person, in radians and metres."""

    elevation: float
    distance: float
    roll: float = 0.0

    def look(self, height: float) -> tuple[np.ndarray, np.ndarray]:
        """Aim the camera at a point above the origin.

        Returns:
            (3, 4) from (x, y, z, 1) to right * depth, up * depth (tangents) and depth; the (3,) position.
        """
        towards = np.array([0, -np.cos(self.elevation), np.sin(self.elevation)])
        position = np.array([0, 0, height]) + towards * self.distance
        right, up = np.array([1.0, 0, 0]), np.array([0, np.sin(self.elevation), np.cos(self.elevation)])
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        axes = np.stack([cosine * right + sine * up, cosine * up - sine * right, -towards])
        return np.column_stack([axes, -axes @ position]), position


def fit(stand: Stand, points: np.ndarray, framing: Framing, size: tuple[int, int], supersampling: int) -> Camera:
    """Return the camera whose image is a detector's box around the points.

    Args:
        points: (N, 3) of a person who stands at the origin.
        size: height and width of the image in pixels.
        supersampling: samples along each side of a pixel; see `grid_size`.
    """
    matrix, position = stand.look(float(points[:, 2].max()) / 2)
    seen = points @ matrix[:, :3].T + matrix[:, 3]
    seen = seen[:, :2] / seen[:, 2:]
    low, high = seen.min(0), seen.max(0)
    tall = high[1] - low[1]
    low[1] += framing.cut_bottom * tall
    high[1] -= framing.cut_top * tall
    width, height = (high - low) / 2 * (1 + framing.margin)
    aspect = size[1] / size[0] / framing.stretch
    half_height = max(height, width / aspect)
    half = np.array([half_height * aspect, half_height])
    centre = (low + high) / 2 + np.array(framing.shift) * half
    grid = grid_size(size, supersampling)
    # Rows count downwards.
    scale = np.array([size[1], -size[0]]) * supersampling / (2 * half)
    middle = np.array([size[1], size[0]]) * supersampling / 2 - supersampling % 2 / 2
    offset = middle - scale * centre
    to_grid = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]], [0, 0, 1]])
    return Camera(to_grid @ matrix, position, grid)


def grid_size(size: tuple[int, int], supersampling: int) -> tuple[int, int]:
    """Return the rows and columns of the grid of samples; every pixel has a sample exactly at its centre.

    With an even number of samples per side, the first and last lie on the pixel's edges, shared with its neighbours,
    so the grid has one more row and column.
    """
    extra = 1 - supersampling % 2
    return size[0] * supersampling + extra, size[1] * supersampling + extra


def at_centres(grid: np.ndarray, supersampling: int) -> np.ndarray:
    """Return the samples at the centres of the pixels, (H, W) or (H, W, C)."""
    first = supersampling // 2
    extra = 1 - supersampling % 2
    return grid[first : len(grid) - extra : supersampling, first : grid.shape[1] - extra : supersampling]


def to_pixels(grid: np.ndarray, supersampling: int) -> np.ndarray:
    """Average uint8 or float32 samples over the pixels, to (H, W, C) float32."""
    if supersampling == 1:
        return grid.astype(np.float32)
    taps = np.ones(supersampling + 1 - supersampling % 2, np.float32)
    if supersampling % 2 == 0:
        taps[[0, -1]] = 0.5
    taps /= taps.sum()
    return at_centres(cv2.sepFilter2D(grid, cv2.CV_32F, taps, taps), supersampling)


def nominal_person() -> np.ndarray:
    """Return (8, 3) corners around a person of average size: scenes must not depend on who is seen."""
    return np.array([(x, y, z) for x in (-0.3, 0.3) for y in (-0.2, 0.2) for z in (0.0, 1.72)])


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Turn (N, 3) points about the vertical axis, as seen from a camera at azimuth `angle` around the person."""
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
    return points @ rotation.T


def orthographic(direction: np.ndarray, points: np.ndarray, samples: int) -> np.ndarray:
    """Return (3, 4) float32 from (x, y, z, 1) to column, row and depth on a square grid that holds all points.

    Args:
        direction: (3,) towards the sun.
    """
    backward = direction / np.linalg.norm(direction)
    right = np.cross([0, 0, 1.0], backward)
    right = right / max(np.linalg.norm(right), 1e-6) if np.linalg.norm(right) > 1e-6 else np.array([1.0, 0, 0])
    axes = np.stack([right, -np.cross(backward, right), -backward])
    seen = points @ axes.T
    low, high = seen.min(0), seen.max(0)
    scale = (samples - 3) / max((high - low)[:2].max(), 1e-3)
    factors = np.array([scale, scale, 1])
    offset = np.array([1, 1, 0]) - factors * low
    return np.column_stack([axes * factors[:, None], offset]).astype(np.float32)
