"""Labels of records, and what a protocol makes of them, for tests."""

import numpy as np

from eval.metrics import Labels, evaluate
from ifd_zoo.datasets import Protocol, Record


def labels(record: Record) -> tuple[int, int, int]:
    return record.pid, record.camid, record.clothes_id


def find(records: tuple[Record, ...], pattern: str) -> Record:
    """The one record whose path ends in `pattern`."""
    (record,) = [record for record in records if record.path.match(pattern)]
    return record


def protocol_arguments(protocol: Protocol) -> tuple[Labels, Labels, str]:
    """What `judge` and `evaluate` take behind the similarity."""
    arrays = (np.array([labels(record) for record in side]) for side in (protocol.query, protocol.gallery))
    query, gallery = (Labels(*array.reshape(-1, 3).T) for array in arrays)
    return query, gallery, protocol.mode


def figures(protocol: Protocol) -> dict[str, float | int]:
    """Of a random ranking."""
    similarity = np.random.default_rng(0).random((len(protocol.query), len(protocol.gallery)))
    return evaluate(similarity, *protocol_arguments(protocol)).figures()
