"""Approximate indexes of LanceDB: faster for millions of rows, but they miss some matches.

A search takes more candidates than it needs and ranks these exactly. Its effort (lists of IVF, or an eighth of the
candidates of HNSW) is chosen after the index is built: the lowest with enough recall.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ifd_zoo.common.choices import APPROXIMATE
from ifd_zoo.index.lancedb_tables import AGAIN, GalleryIndexError, explain_errors, vectors_of
from ifd_zoo.index.ranking import BATCH

LEAST = 1024  # rows of the smallest table
CODE, LIST = 8, 256  # of IVF_PQ: numbers per byte of code; rows that LanceDB wants per list
SAMPLE, ROUNDS = 64, 10
"""Rows per centre and iterations of k-means: few, as LanceDB compares float16 a few times more slowly than float32."""
WIDER = 4
"""Lists of IVF_RQ are this many times longer: its codes are read faster than rows are assigned to lists."""
CANDIDATES, REFINED = 4, 8  # times top_k: ranked here; times that: rescored by LanceDB on their vectors
EFFORT = b'ifd_zoo.effort'
"""Metadata key of the column `vector`."""
EFFORTS = [1 << power for power in range(3, 12)]
ENOUGH, QUERIES, NOISE = 0.95, 100, 0.5


def build(index: Any, kind: str = APPROXIMATE[0]) -> tuple[int, float]:
    """Build the approximate index of a `GalleryIndex`, replacing an existing one.

    Args:
        kind: one of `APPROXIMATE`.

    Returns:
        Its effort, and its recall@10 against exact search, for queries near rows.

    Raises:
        GalleryIndexError: there are too few rows, or the table cannot be read or written.
    """
    from lancedb.index import HnswSq, IvfPq, IvfRq

    rows = len(index)
    if rows < LEAST:
        raise GalleryIndexError(f'{index.address}: {rows} rows are too few for {kind}; use exact search, which is fast')
    lists, codes = min(math.isqrt(rows), rows // LIST), math.gcd(index.dim, max(1, index.dim // CODE))
    means = {'distance_type': 'dot', 'sample_rate': SAMPLE, 'max_iterations': ROUNDS}
    ivf_rq = IvfRq(num_partitions=max(1, lists // WIDER), **means)
    ivf_pq = IvfPq(num_partitions=lists, num_sub_vectors=codes, **means)
    hnsw = HnswSq(num_partitions=1 + (rows >> 20), **means)
    with explain_errors(index.address, AGAIN):
        index.table.create_index('vector', config=dict(zip(APPROXIMATE, (ivf_rq, ivf_pq, hnsw), strict=True))[kind])
    queries = sample_queries(index, QUERIES)
    exact = index.search(queries)
    for effort in EFFORTS:
        with explain_errors(index.address, AGAIN):
            index.table.update_field_metadata({'path': 'vector', 'metadata': {EFFORT.decode(): str(effort)}})
        recall = measure_recall(exact, index.search(queries, near=True))
        if recall >= ENOUGH:
            break
    return effort, recall


def propose(
    table: Any, query: np.ndarray, top_k: int, columns: Sequence[str], expression: Any, address: str
) -> list[Any]:
    """Return record batches of candidates for the best rows.

    Args:
        query: (D,)
        expression: filter of the rows; None for all.

    Raises:
        GalleryIndexError: the table has no approximate index.
    """
    effort = (table.schema.field('vector').metadata or {}).get(EFFORT)
    if effort is None:
        advice = 'build one with python -m ifd_zoo.index approximate, or use exact search'
        raise GalleryIndexError(f'{address}: has no approximate index; {advice}')
    search = table.search(query).distance_type('dot').limit(CANDIDATES * top_k).refine_factor(REFINED)
    search = search.nprobes(int(effort)).ef(REFINED * max(int(effort), CANDIDATES * top_k))
    search = search if expression is None else search.where(expression)
    return search.select([*columns, '_distance']).to_arrow().to_batches(BATCH)


def sample_queries(index: Any, number: int, seed: int = 0) -> np.ndarray:
    """Return queries (Q, D) near rows of an index: rows plus random noise of half their length, normalised."""
    rng = np.random.default_rng(seed)
    with explain_errors(index.address):
        table = index.table.take_offsets(rng.integers(len(index), size=number).tolist()).select(['vector']).to_arrow()
    rows = np.concatenate([vectors_of(batch) for batch in table.to_batches()]).astype(np.float32)
    queries = rows + NOISE / math.sqrt(index.dim) * rng.standard_normal(rows.shape, np.float32)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True)


def measure_recall(exact: Sequence, found: Sequence) -> float:
    """Return the share of the exact matches that were found, over all queries."""
    hits = [len({m.name for m in a} & {m.name for m in b}) for a, b in zip(exact, found, strict=True)]
    return sum(hits) / sum(map(len, exact))
