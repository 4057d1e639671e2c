"""Rank lists of single queries and similarity histograms of image pairs, for the HTML report."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.metrics import Labels, Scores, evaluate_embeddings, judge, labels_of, similarity_blocks
from ifd_zoo.datasets import Protocol, Record

BINS = 200
"""Number of similarity bins from -1 to 1 while counting pairs."""
SHOWN_BINS = 50
BLOCK_BYTES = 16 * 2**20


class Answer(NamedTuple):
    """A gallery image in a rank list."""

    record: Record
    similarity: float
    rank: int | None
    """Rank from 1; None for an image removed from the ranking (junk)."""
    right: bool


class RankList(NamedTuple):
    query: Record
    average_precision: float
    """AP of the query, in [0, 1]."""
    first_hit: int
    """Rank of the first right match, from 1."""
    answers: list[Answer]
    more_junk: int
    """Number of junk images among the answers that are not shown."""


class Sides:
    """Query and gallery of a protocol with their embeddings and labels.

    Args:
        records: at least the images of the protocol, each once.
        embeddings: (N, D), unit length, in the order of the records.
    """

    def __init__(self, protocol: Protocol, records: Sequence[Record], embeddings: np.ndarray) -> None:
        position = {record: index for index, record in enumerate(records)}
        self.protocol = protocol
        self.query, self.gallery = (
            embeddings[[position[record] for record in side]] for side in (protocol.query, protocol.gallery)
        )
        self.labels: tuple[Labels, Labels] = labels_of(protocol.query), labels_of(protocol.gallery)

    def scores(self) -> Scores:
        """Score by similarity alone, without re-ranking."""
        return evaluate_embeddings(self.query, self.gallery, *self.labels, self.protocol.mode)

    def rank_list(self, position: int, count: int = 10, most_junk: int = 4) -> tuple[list[Answer], int]:
        """Return the first answers to the query at that position.

        Args:
            count: number of ranked images.
            most_junk: maximum number of junk images to show in between.

        Returns:
            The answers, most similar first, and the number of junk images among them that are not shown.
        """
        similarity = self.gallery @ self.query[position]
        query, gallery = self.labels
        judgement = judge(query.take(slice(position, position + 1)), gallery, self.protocol.mode)
        relevant, junk = judgement.relevant[0], judgement.junk[0]
        answers, rank, left_out = [], 0, 0
        for index in np.argsort(-similarity, kind='stable'):
            if rank == count:
                break
            rank += not junk[index]
            left_out += bool(junk[index])
            if not junk[index] or left_out <= most_junk:
                shown_rank = None if junk[index] else rank
                record = self.protocol.gallery[index]
                answers.append(Answer(record, float(similarity[index]), shown_rank, bool(relevant[index])))
        return answers, max(0, left_out - most_junk)

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Count query-gallery pairs by similarity, without junk.

        Returns:
            Edges (N + 1,), and numbers of pairs (2, N) int64 of right matches and of other people; N is at most
            `SHOWN_BINS`, spanning the lowest to the highest similarity.
        """
        query, gallery = self.labels
        counts, start = np.zeros((2, BINS), dtype=np.int64), 0
        for block in similarity_blocks(self.query, self.gallery, BLOCK_BYTES):
            judgement = judge(query.take(slice(start, start + len(block))), gallery, self.protocol.mode)
            bins = np.minimum(((np.clip(block, -1, 1) + 1) * (BINS / 2)).astype(np.int64), BINS - 1)
            for row, chosen in enumerate((judgement.relevant, ~(judgement.relevant | judgement.junk))):
                counts[row] += np.bincount(bins[chosen], minlength=BINS)
            start += len(block)
        return _trimmed(counts)


def choose_queries(scores: Scores, count: int, seed: int) -> dict[str, list[int]]:
    """Choose queries as positions in the scores: `best` and `worst` by average precision, and `random`.

    Ties keep the order of the queries, for `worst` the reverse order.
    """
    order = np.argsort(-scores.average_precision, kind='stable')
    drawn = np.random.default_rng(seed).choice(len(order), min(count, len(order)), replace=False)
    return {'best': order[:count].tolist(), 'worst': order[::-1][:count].tolist(), 'random': drawn.tolist()}


def rank_lists(sides: Sides, scores: Scores, chosen: Sequence[int]) -> list[RankList]:
    """Return the rank lists of the queries at these positions in the scores."""
    lists = []
    for index in chosen:
        position = int(scores.query[index])
        precision, hit = float(scores.average_precision[index]), int(scores.first_hit[index])
        lists.append(RankList(sides.protocol.query[position], precision, hit, *sides.rank_list(position)))
    return lists


def _trimmed(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop empty bins at the ends, and merge neighbouring bins until `SHOWN_BINS` suffice."""
    filled = np.flatnonzero(counts.any(0))
    first, last = (filled[0], filled[-1] + 1) if len(filled) else (0, BINS)
    width = -(-(last - first) // SHOWN_BINS)
    bins = -(-(last - first) // width)
    first = min(first, BINS - bins * width)
    last = first + bins * width
    edges = np.linspace(-1, 1, BINS + 1)[first : last + 1 : width]
    return edges, counts[:, first:last].reshape(2, bins, width).sum(2)
