"""The rows of an index in memory: which there are, what they are called, and what they were made from."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ifd_zoo.index.exact import Ranking
from ifd_zoo.index.shard import Shard


class IndexMatch(NamedTuple):
    name: str
    label: str
    """Name of the person; empty when none was given."""
    similarity: float
    """Cosine, in [-1, 1]."""
    row: int
    """Position in the index."""


class Table:
    """Rows of shards, some of which are removed. What is looked up by name or content is read when first asked for.

    Args:
        shards: in the order of their rows.
        alive: (N,) bool, the rows that are not removed.
    """

    def __init__(self, shards: Sequence[Shard], alive: np.ndarray) -> None:
        self.shards, self.alive = list(shards), alive
        self.ends = np.cumsum([len(shard) for shard in shards], dtype=np.int64)

    def extend(self, shards: Sequence[Shard]) -> None:
        """Take in more rows; a name that is there already is that of the new row, and its old row is removed."""
        start = len(self.alive)
        names = [name for shard in shards for name in shard.names.all()]
        self.alive = np.append(self.alive, np.ones(len(names), bool))
        self.alive[[self.row_of[name] for name in names if name in self.row_of]] = False
        self.row_of.update({name: start + row for row, name in enumerate(names)})
        if 'row_with' in self.__dict__:  # else it is made of all shards when it is first asked for
            self.row_with.update({content: start + row for row, content in enumerate(_contents(shards))})
        self.shards += shards
        self.ends = np.cumsum([len(shard) for shard in self.shards], dtype=np.int64)

    def remove(self, rows: Iterable[int]) -> None:
        for row in rows:
            del self.row_of[self.texts(row)[0]]
            self.alive[row] = False

    @cached_property
    def row_of(self) -> dict[str, int]:
        """By name, of those that are not removed."""
        names = (name for shard in self.shards for name in shard.names.all())
        return {name: row for row, name in enumerate(names) if self.alive[row]}

    @cached_property
    def row_with(self) -> dict[bytes, int]:
        """By SHA-256 of the content, removed ones as well."""
        return {content: row for row, content in enumerate(_contents(self.shards))}

    def labelled(self, labels: Iterable[str]) -> dict[str, list[int]]:
        """For each of the labels its rows that are not removed; all are looked for in one pass."""
        found: dict[str, list[int]] = {label: [] for label in labels}
        if not found:
            return found
        every = (one for shard in self.shards for one in shard.labels.all())
        for row, label in enumerate(every):
            if label in found and self.alive[row]:
                found[label].append(row)
        return found

    def find(self, content: bytes) -> np.ndarray | None:
        """The embedding (D,) float32 of a row, even a removed one, made from what has this SHA-256."""
        row = self.row_with.get(content)
        if row is None:
            return None
        shard, position = self.locate(row)
        return shard.embeddings[position].float().numpy()

    def state(self, name: str) -> tuple[bytes, str] | None:
        """SHA-256 and label of the row of that name; None when there is none."""
        if name not in self.row_of:
            return None
        shard, position = self.locate(self.row_of[name])
        return shard.contents[position].tobytes(), shard.labels[position]

    def locate(self, row: int) -> tuple[Shard, int]:
        """The shard of a row, and its position in there."""
        number = int(np.searchsorted(self.ends, row, side='right'))
        shard = self.shards[number]
        return shard, int(row - self.ends[number] + len(shard))

    def texts(self, row: int) -> tuple[str, str]:
        """Name and label."""
        shard, position = self.locate(row)
        return shard.names[position], shard.labels[position]

    def describe(self, rankings: Iterable[Ranking]) -> list[list[IndexMatch]]:
        """What is behind row numbers."""
        return [
            [
                IndexMatch(*self.texts(row), value, row)
                for row, value in zip(rows.tolist(), similarity.tolist(), strict=True)
            ]
            for rows, similarity in rankings
        ]


def _contents(shards: Iterable[Shard]) -> Iterable[bytes]:
    return (content.tobytes() for shard in shards for content in shard.contents)
