"""Visibility buffer in NumPy: which triangle is seen at each sample of an image."""

from typing import NamedTuple

import numpy as np


class Hits(NamedTuple):
    """The P samples that show a triangle, in ascending order, each once."""

    sample: np.ndarray
    """(P,) row * width + column"""
    triangle: np.ndarray
    """(P,) column of `triangles`"""
    weights: np.ndarray
    """(3, P) float32 weights of its corners, which sum to 1."""
    depth: np.ndarray
    """(P,) float32, as in `corners`."""


class Triangles(NamedTuple):
    """The T triangles whose bounding box holds a sample."""

    number: np.ndarray
    """(T,) index among all triangles"""
    corner: np.ndarray
    """(3, T) vertices"""
    x: np.ndarray
    """(3, T) columns of the corners; `y` has their rows."""
    y: np.ndarray
    left: np.ndarray
    """(T,) first column of the box; `top` has the first row."""
    top: np.ndarray
    columns: np.ndarray
    """(T,) number of columns of the box; likewise `rows`."""
    rows: np.ndarray


def visible(corners: np.ndarray, triangles: np.ndarray, cover: np.ndarray, size: tuple[int, int]) -> Hits:
    """Find the nearest triangle at the integer positions of a grid.

    Weights are linear in the image, not in space: triangles are assumed small relative to their distance. Of
    triangles at the same depth, the last one wins.

    Args:
        corners: (V, 3) column, row and depth of the vertices, none of them behind the camera.
        triangles: (3, T) vertices
        cover: (V,) field that, interpolated, is not negative where a triangle exists.
        size: rows and columns of the grid.
    """
    across, down, depth = np.ascontiguousarray(corners.T, np.float32)
    first, second, third = (cover >= 0)[triangles]
    boxes = _boxes(np.flatnonzero(first | second | third), triangles, (across, down), size)
    owner, sample, weights = _inside(boxes, size[1])
    there = np.ones(len(owner), bool)
    hems = np.flatnonzero(~(first & second & third)[boxes.number][owner])
    there[hems] = _interpolated(cover, boxes.corner, owner[hems], weights[:, hems]) >= 0
    there = np.flatnonzero(there)
    owner, sample, weights = owner[there], sample[there], weights[:, there]
    depths = _interpolated(depth, boxes.corner, owner, weights)
    winner = _nearest(sample, depths, size[0] * size[1])
    return Hits(sample[winner], boxes.number[owner[winner]], weights[:, winner], depths[winner])


def _boxes(
    number: np.ndarray, corner: np.ndarray, places: tuple[np.ndarray, np.ndarray], size: tuple[int, int]
) -> Triangles:
    corner = corner[:, number]
    x, y = (values[corner] for values in places)
    left, columns = _span(x, size[1])
    top, rows = _span(y, size[0])
    held = Triangles(number, corner, x, y, left, top, columns, rows)
    kept = np.flatnonzero((columns * rows > 0) & (np.abs(_area(x, y)) > 1e-9))
    return Triangles(*(values[..., kept] for values in held))


def _area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Twice the signed area."""
    return (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])


def _span(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First integer on the grid within the range of each column of `values` (3, T), and how many there are."""
    low = np.minimum(np.minimum(values[0], values[1]), values[2])
    high = np.maximum(np.maximum(values[0], values[1]), values[2])
    first = np.clip(np.ceil(low), 0, length).astype(np.int32)
    last = np.clip(np.floor(high) + 1, 0, length).astype(np.int32)
    return first, np.maximum(last - first, 0)


def _inside(boxes: Triangles, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every sample in every triangle: (N,) index of the triangle in `boxes`, (N,) sample, (3, N) float32 weights.

    Weights are linear in the offset from the triangle's first sample: numbers stay small, so that float32 leaves no
    cracks between neighbours.
    """
    owner, row = _counted(boxes.rows)
    length = boxes.columns[owner]
    line, column = _counted(length)
    planes, right, below = [], column.astype(np.float32), row.astype(np.float32)
    for across, down, start in _planes(boxes):
        at_row = down[owner] * below + start[owner]
        planes.append(across[owner][line] * right + at_row[line])
    weights = np.stack([*planes, 1 - planes[0] - planes[1]])
    inside = np.flatnonzero((weights[0] >= 0) & (weights[1] >= 0) & (weights[2] >= 0))
    line = line[inside]
    first = (row + boxes.top[owner]) * width + boxes.left[owner]
    return owner[line], first[line] + column[inside], weights[:, inside]


def _counted(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat each index by its length, and count 0, 1, ... within each."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    return owner, np.arange(len(owner)) - (np.cumsum(lengths) - lengths)[owner]


def _planes(boxes: Triangles) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights of the first two corners as planes: the change along a row and down a column, and the start."""
    x, y, area = boxes.x, boxes.y, _area(boxes.x, boxes.y)
    left, top = boxes.left.astype(np.float32), boxes.top.astype(np.float32)
    planes = []
    for first, second in ((1, 2), (2, 0)):
        across, down = (y[first] - y[second]) / area, (x[second] - x[first]) / area
        planes.append((across, down, across * (left - x[second]) + down * (top - y[second])))
    return planes


def _interpolated(values: np.ndarray, corner: np.ndarray, owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = values[corner[0]][owner] * weights[0]
    for index in (1, 2):
        total += values[corner[index]][owner] * weights[index]
    return total


def _nearest(sample: np.ndarray, depth: np.ndarray, samples: int) -> np.ndarray:
    """Indices of the nearest candidates, one for each sample that has any, in ascending order of the samples."""
    nearest = np.full(samples, np.inf, depth.dtype)
    np.minimum.at(nearest, sample, depth)
    front = np.flatnonzero(depth == nearest[sample])
    winner = np.full(samples, -1)
    winner[sample[front]] = front
    return winner[winner >= 0]
