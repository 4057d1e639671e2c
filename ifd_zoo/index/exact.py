"""The rows most similar to a query, without approximation, at the speed of the memory.

A first pass over all rows is fast and a little inexact; the few rows that it leaves are compared again in float64. So
the answer depends neither on how the rows are cut into shards nor on which way the first pass was made.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

DIGITS = 6  # as in rank_embeddings
FEW_QUERIES = 4  # so many are multiplied one by one: float16 has a fast product with a vector, not with a matrix
CHUNK = 8192  # rows that are converted at once
QUERY_BLOCK = 64
SCORES = 1 << 26  # of the first pass, kept at a time: 256 MB

HALF_ERROR = 1.3e-3
"""Of the product with a vector in float16 that adds up in float32: 2^-11 each from rounding the query and the result,
and what adding up to 2048 products costs."""

Ranking = tuple[np.ndarray, np.ndarray]
"""Rows (k,) int64 and similarities (k,) float64, rounded; best first, equal ones by row."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch in one thread, for the calling thread only.

    One thread comes close to what the memory gives. Several wait for each other at every step: with another program
    on the two cores, a search of 100,000 rows took 60 ms in two threads, and 7 ms in one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def search_exact(parts: Sequence[Tensor], alive: np.ndarray, queries: np.ndarray, top_k: int) -> list[Ranking]:
    """For each query the most similar rows.

    Args:
        parts: each (n, D) float16 or float32 of unit length, together the N rows.
        alive: (N,) bool, which rows count; at least one.
        queries: (Q, D) float32, unit length.
        top_k: at least 1.

    Raises:
        FloatingPointError: a row that counts is not finite.
    """
    top_k = min(top_k, int(alive.sum()))
    dead = None if alive.all() else torch.from_numpy(~alive)
    block = max(1, min(QUERY_BLOCK, SCORES // len(alive)))
    results = []
    for start in range(0, len(queries), block):
        chosen = queries[start : start + block]
        for query, (scores, error) in zip(chosen, _first_pass(parts, chosen), strict=True):
            if dead is not None:
                scores.masked_fill_(dead, -torch.inf)
            best = torch.topk(scores, top_k).values
            if not bool(torch.isfinite(best).all()):
                raise FloatingPointError('an embedding is not finite')
            # Below this a row cannot be among the best, nor equal to one of them when rounded.
            limit = best[-1].item() - 2 * error - 2 * 10**-DIGITS
            results.append(rescore(parts, torch.nonzero(scores >= limit)[:, 0].numpy(), query, top_k))
    return results


@one_thread()
def rescore(parts: Sequence[Tensor], rows: np.ndarray, query: np.ndarray, top_k: int) -> Ranking:
    """The best of some rows.

    Args:
        parts: as for `search_exact`.
        rows: (c,) int64, ascending.
        query: (D,) float32.
        top_k: at most so many are returned.
    """
    target = torch.from_numpy(query).double()
    similarity, start = np.empty(len(rows)), 0
    for part in parts:
        low, high = np.searchsorted(rows, (start, start + len(part)))
        for first in range(low, high, CHUNK):
            last = min(first + CHUNK, high)
            chosen = part[torch.from_numpy(rows[first:last] - start)]
            similarity[first:last] = torch.mv(chosen.double(), target).numpy()
        start += len(part)
    similarity = np.clip(np.round(similarity, DIGITS), -1, 1)
    order = np.argsort(-similarity, kind='stable')[:top_k]
    return rows[order], similarity[order]


def _first_pass(parts: Sequence[Tensor], queries: np.ndarray) -> list[tuple[Tensor, float]]:
    """For each query scores (N,) float32, and how far they may be off."""
    rows, dim = sum(len(part) for part in parts), queries.shape[1]
    scores, targets = torch.empty(len(queries), rows), torch.from_numpy(queries)
    start, error = 0, dim * 2.0**-22
    half = len(queries) <= FEW_QUERIES and half_is_accurate(dim)
    for part in parts:
        into = scores[:, start : start + len(part)]
        if part.dtype == torch.float16 and half:
            error = HALF_ERROR
            for row, target in zip(into, targets.half(), strict=True):
                row.copy_(torch.mv(part, target))
        else:
            for first in range(0, len(part), CHUNK):
                into[:, first : first + CHUNK] = targets @ part[first : first + CHUNK].float().T
        start += len(part)
    return [(row, error) for row in scores]


@lru_cache
def half_is_accurate(dim: int) -> bool:
    """Whether this build of torch adds up products of float16 in float32, measured on sums that would show it."""
    rows = torch.nn.functional.normalize(torch.rand(512, dim, generator=torch.Generator().manual_seed(0))).half()
    error = (torch.mv(rows, rows[0]).double() - torch.mv(rows.double(), rows[0].double())).abs().max()
    return dim <= 2048 and error.item() < HALF_ERROR / 2
