"""Which triangle is seen at each sample of a picture, in numpy: a visibility buffer."""

from typing import NamedTuple

import numpy as np


class Hits(NamedTuple):
    """The samples that show a triangle, in rising order, each once; P of them."""

    sample: np.ndarray
    """(P,) row * width + column"""
    triangle: np.ndarray
    """(P,) row of `triangles`"""
    weights: np.ndarray
    """(P, 3) float32 weights of its corners, sum 1."""
    depth: np.ndarray
    """(P,) float32, as in `corners`."""


def visible(corners: np.ndarray, triangles: np.ndarray, cover: np.ndarray, size: tuple[int, int]) -> Hits:
    """The nearest triangle at the integer positions of a grid.

    Weights are linear on the picture, not in space: triangles are taken to be small against their distance. Of
    triangles at the same depth the last one wins.

    Args:
        corners: (V, 3) column, row and depth of the vertices; those behind the camera must not be among them.
        triangles: (T, 3)
        cover: (V,) a triangle is there where this, interpolated, is not negative.
        size: rows and columns of the grid.
    """
    corner = np.ascontiguousarray(triangles.T)
    there = cover >= 0
    present = np.flatnonzero(there[corner[0]] | there[corner[1]] | there[corner[2]])
    across, down, depth = np.ascontiguousarray(corners.T, np.float32)
    corner = corner[:, present]
    x, y = across[corner], down[corner]
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    left, columns = _span(x, size[1])
    top, rows = _span(y, size[0])
    count = np.where(np.abs(area) > 1e-9, columns * rows, 0)
    kept = np.flatnonzero(count)
    present, corner, x, y = present[kept], corner[:, kept], x[:, kept], y[:, kept]
    area, left, top, columns, count = (values[kept] for values in (area, left, top, columns, count))
    owner = np.repeat(np.arange(len(present), dtype=np.int32), count)
    position = np.arange(len(owner), dtype=np.int32) - np.repeat(np.cumsum(count, dtype=np.int32) - count, count)
    row, column = np.divmod(position, columns[owner])
    weights = _weights(x, y, area, (left, top), owner, (column, row))
    inside = np.flatnonzero((weights[0] >= 0) & (weights[1] >= 0) & (weights[2] >= 0))
    weights, owner = weights[:, inside], owner[inside]
    sample = (row[inside] + top[owner]) * size[1] + column[inside] + left[owner]
    inside = np.flatnonzero(_interpolated(cover, corner, owner, weights) >= 0)
    weights, owner, sample = weights[:, inside], owner[inside], sample[inside]
    depths = _interpolated(depth, corner, owner, weights)
    winner = _nearest(sample, depths, size[0] * size[1])
    return Hits(sample[winner], present[owner[winner]], weights[:, winner].T, depths[winner])


def _span(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First integer within the range of each column of `values` (3, T) that is on the grid, and how many there are."""
    first = np.clip(np.ceil(np.minimum(np.minimum(values[0], values[1]), values[2])), 0, length).astype(np.int32)
    last = np.clip(np.floor(np.maximum(np.maximum(values[0], values[1]), values[2])) + 1, 0, length).astype(np.int32)
    return first, np.maximum(last - first, 0)


def _weights(
    x: np.ndarray,
    y: np.ndarray,
    area: np.ndarray,
    origin: tuple[np.ndarray, np.ndarray],
    owner: np.ndarray,
    offset: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """(3, N) float32 weights of the corners, each linear in the offset from the triangle's own origin.

    Small numbers only, so that float32 leaves no cracks between neighbours.
    """
    planes = []
    for first, second in ((1, 2), (2, 0)):
        across, down = (y[first] - y[second]) / area, (x[second] - x[first]) / area
        start = across * (origin[0] - x[second]) + down * (origin[1] - y[second])
        planes.append(across[owner] * offset[0] + down[owner] * offset[1] + start[owner])
    return np.stack([*planes, 1 - planes[0] - planes[1]])


def _interpolated(values: np.ndarray, corner: np.ndarray, owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = values[corner[0]][owner] * weights[0]
    for index in (1, 2):
        total = total + values[corner[index]][owner] * weights[index]
    return total


def _nearest(sample: np.ndarray, depth: np.ndarray, samples: int) -> np.ndarray:
    """Positions of the candidates that win, one for each sample that has any, in rising order of the samples."""
    nearest = np.full(samples, np.inf, depth.dtype)
    np.minimum.at(nearest, sample, depth)
    front = np.flatnonzero(depth == nearest[sample])
    winner = np.full(samples, -1)
    winner[sample[front]] = front
    return winner[winner >= 0]
