"""Exact ranking of rows by their similarity to queries, batch by batch as a table returns them.

A matrix product in float32 selects a few rows of each batch, which are compared again in float64; equal ones are sorted
by name. So the result depends neither on how rows are stored in a table nor on the order in which they were added.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import torch

DIGITS = 6  # as in rank_embeddings
BATCH = 2048  # rows that fit into a processor's caches as float32


class IndexMatch(NamedTuple):
    name: str
    pid: str
    """Name of the person; empty if unknown, as is `camid`."""
    camid: str
    time: datetime
    similarity: float
    """Cosine, in [-1, 1]."""


SEEN = IndexMatch._fields[:-1]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch in one thread: several wait for each other at every batch, for long if other programs are running."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def rank_batches(batches: Iterable[Any], queries: np.ndarray, top_k: int) -> list[list[IndexMatch]]:
    """Return the most similar rows for each query, best first, equal ones by name.

    Args:
        batches: of pyarrow, with the columns `SEEN` and `vector` (D,) float16, at most `BATCH` rows each.
        queries: (Q, D) float32, unit length.
        top_k: at least 1.

    Raises:
        ValueError: an embedding is not finite.
    """
    targets, margin = torch.from_numpy(queries), queries.shape[1] * 2.0**-22 + 2 * 10**-DIGITS
    best: list[list[IndexMatch]] = [[] for _ in queries]
    reach = torch.full((len(queries), 1), -torch.inf)  # similarity of the last match in a full list
    floats = torch.empty(BATCH, queries.shape[1])  # reused: allocating costs more than the conversion
    for batch in batches:
        vectors = torch.from_dlpack(batch['vector'].flatten()).view(len(batch), -1)
        scores = targets @ floats[: len(batch)].copy_(vectors).T
        if not torch.isfinite(scores.sum()):
            raise ValueError('an embedding is not finite')
        limits = reach
        if len(batch) >= top_k and torch.isinf(reach).any():
            limits = torch.maximum(reach, torch.topk(scores, top_k).values[:, -1:])
        hits = scores >= limits - margin
        for query in hits.any(1).nonzero()[:, 0].tolist():
            places = hits[query].nonzero()[:, 0]
            similarity = torch.mv(vectors[places].double(), targets[query].double()).numpy()
            best[query] = _merged(best[query], batch, places.numpy(), similarity)[:top_k]
            if len(best[query]) == top_k:
                reach[query] = best[query][-1].similarity
    return best


def _merged(best: list[IndexMatch], batch: Any, places: np.ndarray, similarity: np.ndarray) -> list[IndexMatch]:
    rounded = np.clip(np.round(similarity, DIGITS), -1, 1).tolist()
    columns = (batch[name].take(places).to_pylist() for name in SEEN)
    found = map(IndexMatch._make, zip(*columns, rounded, strict=True))
    return sorted([*best, *found], key=lambda match: (-match.similarity, match.name))
