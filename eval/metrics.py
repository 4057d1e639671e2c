"""CMC, mAP and mINP under the protocols of clothing-change re-ID."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ifd_zoo.datasets import Record

RANKS = (1, 5, 10)
BLOCK_BYTES = 64 * 2**20
"""Size of a block of similarities. Evaluation holds two blocks and a mask of a quarter of one: about 150 MB."""


class Labels(NamedTuple):
    """Labels of N images, each (N,)."""

    pids: np.ndarray
    camids: np.ndarray
    clothes_ids: np.ndarray

    def take(self, positions: np.ndarray | slice) -> 'Labels':
        return Labels(*(values[positions] for values in self))


def labels_of(records: Iterable[Record]) -> Labels:
    labels = [(record.pid, record.camid, record.clothes_id) for record in records]
    return Labels(*np.array(labels, dtype=np.int64).reshape(-1, 3).T)


class Judgement(NamedTuple):
    relevant: np.ndarray
    """(Q, G) bool, True for right matches in the gallery."""
    junk: np.ndarray
    """(Q, G) bool, True for gallery images that are removed from the ranking."""


class Scores(NamedTuple):
    """Scores of the V valid queries, those with a relevant gallery image."""

    query: np.ndarray
    """(V,) int64: position among all queries, ascending."""
    first_hit: np.ndarray
    """(V,) int64: rank of the first right match, from 1."""
    average_precision: np.ndarray
    """(V,) float64: mean of the precision at each right match, without interpolation."""
    inverse_penalty: np.ndarray
    """(V,) float64: number of right matches over the rank of the last one (Ye et al., TPAMI 2021)."""

    def cmc(self, ranks: int = 50) -> np.ndarray:
        """Return (ranks,) float64: percent of valid queries with a right match up to each rank; nan without any."""
        if not len(self.query):
            return np.full(ranks, np.nan)
        found = self.first_hit <= np.arange(1, ranks + 1)[:, None]  # (ranks, V)
        return 100 * found.mean(1)

    def figures(self) -> dict[str, float | int]:
        """Return rank1, rank5, rank10, mAP and mINP in percent, nan without a valid query; and `valid_queries`."""
        curve = self.cmc(max(RANKS))
        means = [100 * float(x.mean()) if len(x) else np.nan for x in (self.average_precision, self.inverse_penalty)]
        return {
            **{f'rank{rank}': float(curve[rank - 1]) for rank in RANKS},
            **dict(zip(('mAP', 'mINP'), means, strict=True)),
            'valid_queries': len(self.query),
        }


def judge(query: Labels, gallery: Labels, mode: str) -> Judgement:
    """Decide which gallery images are relevant or junk for each query.

    | mode | relevant | junk |
    |---|---|---|
    | general | same pid, other camera | same pid and camera |
    | cc | same pid, other camera, other outfit | same pid and (same camera or same outfit) |
    | sc | same pid, other camera, same outfit | same pid and (same camera or other outfit) |

    Raises:
        ValueError: unknown mode.
    """
    same_pid, same_camera, same_outfit = (q[:, None] == g[None, :] for q, g in zip(query, gallery, strict=True))
    if mode == 'general':
        wrong = same_camera
    elif mode == 'cc':
        wrong = same_camera | same_outfit
    elif mode == 'sc':
        wrong = same_camera | ~same_outfit
    else:
        raise ValueError(f'mode must be general, cc or sc, got {mode!r}')
    return Judgement(same_pid & ~wrong, same_pid & wrong)


def evaluate(similarity: np.ndarray, query: Labels, gallery: Labels, mode: str) -> Scores:
    """Score similarities (Q, G), larger is more similar. For the rest see `evaluate_blocks`."""
    similarity = np.asarray(similarity)
    if similarity.shape != (len(query.pids), len(gallery.pids)):
        expected = f'{len(query.pids)} queries and {len(gallery.pids)} gallery images'
        raise ValueError(f'similarity of shape {similarity.shape} for {expected}')
    blocks = (similarity[part] for part in _parts(*similarity.shape, similarity.itemsize))
    return evaluate_blocks(blocks, query, gallery, mode)


def evaluate_embeddings(
    query_embeddings: np.ndarray, gallery_embeddings: np.ndarray, query: Labels, gallery: Labels, mode: str
) -> Scores:
    """Score the dot products of embeddings (Q, D) and (G, D). For the rest see `evaluate_blocks`."""
    return evaluate_blocks(similarity_blocks(query_embeddings, gallery_embeddings), query, gallery, mode)


def similarity_blocks(query: np.ndarray, gallery: np.ndarray, block_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
    """Yield the dot products (Q, G) of embeddings (Q, D) and (G, D) in blocks of rows (B, G).

    Args:
        block_bytes: maximum size of a block, unless a single row is larger.

    Raises:
        ValueError: an embedding is not finite.
    """
    for name, embeddings in (('query', query), ('gallery', gallery)):
        _require_finite(embeddings, f'{name} embeddings')
    itemsize = np.result_type(query, gallery).itemsize
    for part in _parts(len(query), len(gallery), itemsize, block_bytes):
        yield query[part] @ gallery.T


def evaluate_blocks(blocks: Iterable[np.ndarray], query: Labels, gallery: Labels, mode: str) -> Scores:
    """Score similarities given in blocks, so that they need not be in memory all at once.

    Args:
        blocks: consecutive rows (B, G), larger is more similar. Ties keep the gallery's order.
        query, gallery: labels of Q and of G images.
        mode: general, cc or sc, see `judge`.

    Raises:
        ValueError: the mode is unknown, shapes do not match, or a similarity is not finite.
    """
    judge(query.take(slice(0)), gallery.take(slice(0)), mode)  # rejects an unknown mode before any work
    same_pid = positions_by_pid(gallery.pids)
    nobody = np.empty(0, dtype=np.int64)
    results, start = [], 0
    for block in blocks:
        end = start + len(block)
        if block.shape[1] != len(gallery.pids) or end > len(query.pids):
            raise ValueError(f'similarity: rows {start} to {end} of shape {block.shape} for {len(gallery.pids)} images')
        _require_finite(block, 'similarity', start)
        for position, row in enumerate(block, start):
            candidates = same_pid.get(query.pids[position], nobody)
            judgement = judge(query.take(slice(position, position + 1)), gallery.take(candidates), mode)
            relevant, junk = (candidates[chosen[0]] for chosen in judgement)
            if len(relevant):
                results.append((position, *_score(_ranks(row, relevant, junk))))
        start = end
    if start != len(query.pids):
        raise ValueError(f'similarity: {start} rows for {len(query.pids)} queries')
    columns = zip(*results, strict=True) if results else ((),) * 4
    return Scores(*(np.array(values, dtype=kind) for values, kind in zip(columns, 'qqdd', strict=True)))


def _parts(rows: int, columns: int, itemsize: int, block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    step = max(1, block_bytes // max(1, columns * itemsize))
    return (slice(start, start + step) for start in range(0, rows, step))


def _require_finite(values: np.ndarray, name: str, start: int = 0) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row = start + int(np.argmin(finite.all(1)))
        raise ValueError(f'{name}: row {row} holds values that are not finite (nan or inf)')


def positions_by_pid(pids: np.ndarray) -> dict[int, np.ndarray]:
    """Map each pid to its positions, ascending."""
    order = np.argsort(pids, kind='stable')
    values, starts = np.unique(pids[order], return_index=True)
    bounds = [*starts, len(order)]
    return {pid: order[bounds[i] : bounds[i + 1]] for i, pid in enumerate(values.tolist())}


def _ranks(similarity: np.ndarray, relevant: np.ndarray, junk: np.ndarray) -> np.ndarray:
    """Return the ranks, ascending from 1, of the relevant images without junk; ties keep the gallery's order.

    Args:
        similarity: (G,).
        relevant, junk: positions in it, ascending.
    """
    if len(junk):
        similarity = similarity.astype(np.result_type(similarity, np.float16))  # a copy that can hold infinity
        similarity[junk] = -np.inf
    # Sorting values, to count the larger ones, is ten times as fast as argsort.
    ordered, values = np.sort(similarity), similarity[relevant]
    first, end = np.searchsorted(ordered, values), np.searchsorted(ordered, values, side='right')
    ranks = len(ordered) - end + 1
    for value in np.unique(values[end - first > 1]):
        tied = values == value
        ranks[tied] += np.searchsorted(np.flatnonzero(similarity == value), relevant[tied])
    return np.sort(ranks)


def _score(ranks: np.ndarray) -> tuple[int, float, float]:
    precision = np.arange(1, len(ranks) + 1) / ranks
    return ranks[0], precision.mean(), precision[-1]
