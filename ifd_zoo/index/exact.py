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

from ifd_zoo.models.batching import on_each_core

DIGITS = 6  # as in rank_embeddings
FEW_QUERIES = 4  # so many are multiplied one by one: float16 has a fast product with a vector, not with a matrix
CHUNK = 1024  # rows that are converted at once, into memory that stays in the cache
QUERY_BLOCK = 32, 128  # that are multiplied together, at least and at most
SCORES = 1 << 26  # of the first pass, kept at a time: 256 MB
RESCORED = 8192  # rows that are compared again at once

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


def search_exact(parts: Sequence[Tensor], alive: np.ndarray, queries: np.ndarray, top_k: int) -> list[Ranking]:
    """For each query the most similar rows. Many queries are shared out among the cores.

    Args:
        parts: each (n, D) float16 or float32 of unit length, together the N rows.
        alive: (N,) bool, which rows count; at least one.
        queries: (Q, D) float32, unit length.
        top_k: at least 1.

    Raises:
        FloatingPointError: a row that counts is not finite.
    """
    cores, (least, most) = torch.get_num_threads(), QUERY_BLOCK
    size = min(max(-(-len(queries) // cores), least), most)
    blocks = [queries[start : start + size] for start in range(0, len(queries), size)]
    if len(blocks) < 2:
        cores, size = 1, len(queries)
    segments = _segments(parts, max(1, SCORES // max(1, size) // cores))

    @one_thread()
    def search(chosen: np.ndarray) -> list[Ranking]:
        found = [_search_segment(segment, alive[rows], chosen, top_k) for segment, rows in segments]
        starts = [rows.start for _, rows in segments]
        return [_merge(starts, rankings, top_k) for rankings in zip(*found, strict=True)]

    found = map(search, blocks) if len(blocks) < 2 else on_each_core(search, blocks, torch.device('cpu'))
    return [ranking for rankings in found for ranking in rankings]


def _segments(parts: Sequence[Tensor], most: int) -> list[tuple[list[Tensor], slice]]:
    """Parts that follow each other, of at most so many rows if there are several of them, and which rows they are."""
    groups: list[list[Tensor]] = []
    for part in parts:
        if groups and sum(map(len, groups[-1])) + len(part) <= most:
            groups[-1].append(part)
        else:
            groups.append([part])
    ends = np.cumsum([sum(map(len, group)) for group in groups])
    return [(group, slice(start, end)) for group, start, end in zip(groups, [0, *ends], ends, strict=False)]


def _search_segment(parts: Sequence[Tensor], alive: np.ndarray, queries: np.ndarray, top_k: int) -> list[Ranking]:
    top_k = min(top_k, int(alive.sum()))
    if not top_k:
        return [(np.empty(0, np.int64), np.empty(0))] * len(queries)
    dead = None if alive.all() else torch.from_numpy(~alive)
    return [
        rescore(parts, _candidates(scores, error, dead, top_k), query, top_k)
        for query, (scores, error) in zip(queries, _first_pass(parts, queries), strict=True)
    ]


def _merge(starts: Sequence[int], rankings: Sequence[Ranking], top_k: int) -> Ranking:
    """One ranking of those of segments that begin at these rows."""
    rows = np.concatenate([start + rows for start, (rows, _) in zip(starts, rankings, strict=True)])
    similarity = np.concatenate([similarity for _, similarity in rankings])
    order = np.argsort(-similarity, kind='stable')[:top_k]
    return rows[order], similarity[order]


def _candidates(scores: Tensor, error: float, dead: Tensor | None, top_k: int) -> np.ndarray:
    """Rows (c,) that can be among the best, or equal to one of them when rounded; scores (N,) may be off by `error`."""
    if dead is not None:
        scores.masked_fill_(dead, -torch.inf)
    best = torch.topk(scores, top_k).values
    if not bool(torch.isfinite(best).all()):
        raise FloatingPointError('an embedding is not finite')
    limit = best[-1].item() - 2 * error - 2 * 10**-DIGITS
    return torch.nonzero(scores >= limit)[:, 0].numpy()


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
        for first in range(low, high, RESCORED):
            last = min(first + RESCORED, high)
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
    exact = torch.empty(CHUNK, dim)  # once: fresh memory for each chunk costs ten times the conversion
    for part in parts:
        into = scores[:, start : start + len(part)]
        if part.dtype == torch.float16 and half:
            error = HALF_ERROR
            for row, target in zip(into, targets.half(), strict=True):
                row.copy_(torch.mv(part, target))
        else:
            for chunk, out in zip(part.split(CHUNK), into.split(CHUNK, dim=1), strict=True):
                rows32 = chunk if chunk.dtype == torch.float32 else exact[: len(chunk)].copy_(chunk)
                out.copy_(targets @ rows32.T)
        start += len(part)
    return [(row, error) for row in scores]


@lru_cache
def half_is_accurate(dim: int) -> bool:
    """Whether this build of torch adds up products of float16 in float32, measured on sums that would show it."""
    rows = torch.nn.functional.normalize(torch.rand(512, dim, generator=torch.Generator().manual_seed(0))).half()
    error = (torch.mv(rows, rows[0]).double() - torch.mv(rows.double(), rows[0].double())).abs().max()
    return dim <= 2048 and error.item() < HALF_ERROR / 2
