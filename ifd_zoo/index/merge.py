"""Many small shards made into few large ones, without the rows that were removed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ifd_zoo.index.shard import Entry, Rows, Shard, write_shard


def write_merged(folder: Path, shards: Sequence[Shard], alive: np.ndarray, size: int, dtype: str) -> tuple[Entry, ...]:
    """Write shards of `size` rows each, the last one of fewer; two of them are in memory at a time.

    Args:
        folder: gets the new files; those of the old shards stay.
        alive: (N,) bool, which rows of the old shards to take over; they keep their order.

    Raises:
        OSError: a file cannot be written.
    """
    entries: list[Entry] = []
    pending, start = None, 0
    for shard in shards:
        keep = np.flatnonzero(alive[start : start + len(shard)])
        start += len(shard)
        if pending is None and len(keep) == len(shard) == size:
            entries.append(shard.entry)
            continue
        pending = _joined(pending, shard.take(keep))
        while pending and len(pending.names) >= size:
            full, pending = _split(pending, size)
            entries.append(write_shard(folder, len(entries), full, dtype))
    if pending:
        entries.append(write_shard(folder, len(entries), pending, dtype))
    return tuple(entries)


def _joined(first: Rows | None, second: Rows) -> Rows | None:
    if not second.names:
        return first
    if first is None:
        return second
    arrays = (np.concatenate([getattr(rows, name) for rows in (first, second)]) for name in ('embeddings', 'contents'))
    return Rows(*arrays, [*first.names, *second.names], [*first.labels, *second.labels])


def _split(rows: Rows, size: int) -> tuple[Rows, Rows | None]:
    first, rest = (Rows(*(values[part] for values in rows)) for part in (slice(size), slice(size, None)))
    return first, rest if rest.names else None
