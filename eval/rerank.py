"""Re-ranking with k-reciprocal neighbours.

Reference:
    Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal Encoding. CVPR 2017, arXiv:1701.08398.

Written from its equations. With d the distance of two images and N(p, k) the k nearest of p:

    R(p, k)     the members g of N(p, k) that have p in N(g, k)
    R*(p)       R(p, k1) and each R(q, k1/2), q in R(p, k1), with at least 2/3 of its members in R(p, k1)
    V(p, g)     exp(-d(p, g)) for g in R*(p), otherwise 0; then replaced by the mean of V over N(p, k2)
    d_J(p, g)   1 - sum of min(V(p), V(g)) / sum of max(V(p), V(g))
    d*          (1 - lambda) d_J + lambda d

Where these leave a choice, this follows the authors' published code: neighbours are searched among queries and gallery
together; an image is its own first neighbour, in addition to k1 others but as one of the k2; k1/2 is rounded to even;
d(p, g) is the squared Euclidean distance divided by the largest one of p. That code differs from the equations in two
places, where this follows the equations: it requires more than 2/3 for R(q, k1/2), and scales the rows of V to sum 1.

Each query uses the images of all other queries, so the metrics are not comparable to those without re-ranking.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eval.metrics import BLOCK_BYTES, similarity_blocks


class Reranking(NamedTuple):
    """Options; k1, k2 and lambda (`weight`) of the paper."""

    k1: int = 20
    k2: int = 6
    weight: float = 0.3


class Neighbours(NamedTuple):
    nearest: np.ndarray
    """(N, K) int32: each image itself, then the nearest others; ties in order of position."""
    farthest: np.ndarray
    """(N,): largest squared distance from each image; 1 if all are 0."""


class SparseRows(NamedTuple):
    """Sparse (N, M) matrix in CSR format."""

    starts: np.ndarray
    """(N + 1,) int64: start of each row in the other arrays."""
    columns: np.ndarray
    """(nnz,) int32, ascending within a row."""
    values: np.ndarray
    """(nnz,)."""

    def row(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return columns and values of a row."""
        part = slice(self.starts[index], self.starts[index + 1])
        return self.columns[part], self.values[part]


def rerank(
    query: np.ndarray, gallery: np.ndarray, options: Reranking, block_bytes: int = BLOCK_BYTES
) -> Iterator[np.ndarray]:
    """Yield -d* of queries and gallery in blocks, for `eval.metrics.evaluate_blocks`.

    Apart from two blocks, it holds the neighbours, V and its transpose: one to three kilobytes per image, but no matrix
    of all pairs. The time grows with the square of Q + G, as all distances are computed once.

    Args:
        query, gallery: (Q, D) and (G, D), unit length, at least one of each.
        block_bytes: maximum size of a block, unless a single row is larger.

    Returns:
        Blocks of rows (B, G) that together make up (Q, G), larger is more similar.

    Raises:
        ValueError: k1 or k2 is less than 1, or an embedding is not finite.
    """
    if min(options.k1, options.k2) < 1:
        raise ValueError(f'k1 and k2 must be at least 1, got {options.k1} and {options.k2}')
    pool = np.concatenate([query, gallery])
    neighbours = find_neighbours(pool, max(options.k1 + 1, options.k2), block_bytes)
    encoded = average_rows(encode(pool, neighbours, options.k1), neighbours.nearest[:, : options.k2])
    sums = np.add.reduceat(encoded.values, encoded.starts[:-1])
    by_image = transpose_tail(encoded, len(query), len(pool))
    position = 0
    for block in similarity_blocks(query, gallery, block_bytes):
        for row in block:
            distance = (2 - 2 * row) / neighbours.farthest[position]
            shared = overlaps(*encoded.row(position), by_image, len(gallery))
            jaccard = 1 - shared / (sums[position] + sums[len(query) :] - shared)
            row[:] = -(1 - options.weight) * jaccard - options.weight * distance
            position += 1
        yield block


def find_neighbours(pool: np.ndarray, count: int, block_bytes: int = BLOCK_BYTES) -> Neighbours:
    """Find the `count` nearest of each of N embeddings (N, D) of unit length, or all if there are fewer."""
    count = min(count, len(pool))
    nearest, farthest = np.empty((len(pool), count), dtype=np.int32), np.empty(len(pool), dtype=pool.dtype)
    position = 0
    for block in similarity_blocks(pool, pool, block_bytes):
        for row in block:
            farthest[position] = 2 - 2 * row.min()
            row[position] = np.inf  # itself first, before duplicates
            limit = np.partition(row, len(row) - count)[len(row) - count]
            candidates = np.flatnonzero(row >= limit)  # more than `count` if the last one is tied
            nearest[position] = candidates[np.argsort(-row[candidates], kind='stable')[:count]]
            position += 1
    farthest[farthest <= 0] = 1
    return Neighbours(nearest, farthest)


def encode(pool: np.ndarray, neighbours: Neighbours, k1: int) -> SparseRows:
    """Compute V (N, N) before averaging over neighbours; pool is (N, D)."""
    full = neighbours.nearest[:, : k1 + 1]
    half = neighbours.nearest[:, : round(k1 / 2) + 1]
    mutual_full, mutual_half = mutual(full), mutual(half)
    rows = []
    for image in range(len(pool)):
        own = full[image][mutual_full[image]]  # R(p, k1)
        theirs, belongs = half[own], mutual_half[own]  # R(q, k1/2), one per row
        inside = (belongs & np.isin(theirs, own)).sum(1)
        accepted = belongs & (3 * inside >= 2 * belongs.sum(1))[:, None]
        columns = np.unique(np.concatenate([own, theirs[accepted]]))
        distances = np.maximum(2 - 2 * pool[columns] @ pool[image], 0) / neighbours.farthest[image]
        rows.append((columns, np.exp(-distances)))
    return _join(rows)


def mutual(nearest: np.ndarray) -> np.ndarray:
    """Return (N, K) bool, True where an image is in turn among the K nearest of its neighbour."""
    rows = [(nearest[row] == image).any(1) for image, row in enumerate(nearest)]
    return np.array(rows, dtype=bool).reshape(nearest.shape)


def average_rows(matrix: SparseRows, groups: np.ndarray) -> SparseRows:
    """Average the rows of the matrix over N groups (N, K) of row indices."""
    rows = []
    for group in groups:
        parts = [matrix.row(index) for index in group]
        columns, where = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
        sums = np.bincount(where, np.concatenate([part[1] for part in parts]))
        rows.append((columns, (sums / len(group)).astype(matrix.values.dtype)))
    return _join(rows)


def transpose_tail(matrix: SparseRows, first: int, columns: int) -> SparseRows:
    """Transpose the rows from `first` on; they become columns counted from `first`."""
    begin = matrix.starts[first]
    lengths = np.diff(matrix.starts[first:])
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    order = np.argsort(matrix.columns[begin:], kind='stable')
    starts = np.searchsorted(matrix.columns[begin:][order], np.arange(columns + 1))
    return SparseRows(starts, rows[order], matrix.values[begin:][order])


def overlaps(columns: np.ndarray, values: np.ndarray, by_column: SparseRows, size: int) -> np.ndarray:
    """Return (size,) float64: sum of min(V(p), V(g)) for each gallery image g.

    Args:
        columns, values: V(p).
        by_column: V of the gallery, transposed.
    """
    starts = by_column.starts[columns]
    lengths = by_column.starts[columns + 1] - starts
    # Positions of all entries that share a column with p: offsets 0, 1, 2 ... from the start of each column.
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entries = np.repeat(starts, lengths) + within
    smaller = np.minimum(by_column.values[entries], np.repeat(values, lengths))
    return np.bincount(by_column.columns[entries], smaller, minlength=size)


def _join(rows: list[tuple[np.ndarray, np.ndarray]]) -> SparseRows:
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    return SparseRows(starts, *(np.concatenate(parts) for parts in zip(*rows, strict=True)))
