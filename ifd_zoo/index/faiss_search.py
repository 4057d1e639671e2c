"""Search by FAISS, where it is installed (`pip install faiss-cpu`).

`flat` gives what `GalleryIndex.search` gives. `hnsw` and `ivfpq` look at some rows only: faster for millions of rows,
at the price of rows that are missed; `recall_at` says how many. Whatever FAISS proposes is compared again with the
rows themselves, so that similarities and their order are exact.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ifd_zoo.choices import FAISS_KINDS
from ifd_zoo.files import hash_file, replacing
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.exact import DIGITS, rescore, search_exact
from ifd_zoo.index.shard import Entry
from ifd_zoo.index.storage import GalleryIndex
from ifd_zoo.index.table import IndexMatch

CHUNK = 1 << 14  # rows that are in memory in float32
LINKS, BUILD_EFFORT, EFFORT = 32, 80, 128  # of HNSW
PROBES, TRAINING = 32, 64  # IVF: lists that are searched; rows per list to find the lists
MIN_IVF_ROWS = 2048
PROPOSALS = 8  # times top_k, of which the best are taken
FLAT_ERROR = 2e-4  # of a product in float32, with room


class FaissSearch:
    """An index of FAISS over the rows that a `GalleryIndex` had when it was made.

    Rows that were removed since are left out, and rows that were added since are searched exactly, so that it need not
    be made again but after `compact`, or when there are many new rows.
    """

    def __init__(self, index: GalleryIndex, kind: str, engine: Any, shards: Sequence[Entry]) -> None:
        self.index, self.kind, self.engine, self.shards = index, kind, engine, tuple(shards)
        self.rows = sum(entry.rows for entry in shards)

    @classmethod
    def build(cls, index: GalleryIndex, kind: str = 'flat') -> 'FaissSearch':
        """Args: kind: out of `FAISS_KINDS`.

        Raises:
            GalleryIndexError: FAISS is not installed, or there are too few rows for this kind.
            ValueError: there is no such kind.
        """
        faiss = _faiss()
        if kind not in FAISS_KINDS:
            raise ValueError(f'unknown kind {kind!r}: known are {", ".join(FAISS_KINDS)}')
        if not len(index):
            raise GalleryIndexError(f'{index.folder}: the index is empty; add at least one image')
        engine = _new_engine(faiss, kind, index)
        if not engine.is_trained:
            engine.train(_sample(index, TRAINING * engine.nlist if kind == 'ivfpq' else 1))
        for shard in index.table.shards:
            for part in shard.embeddings.split(CHUNK):
                engine.add(part.float().numpy())
        return cls(index, kind, engine, index.manifest.shards)

    def save(self) -> None:
        """Into the folder of the index. Raises OSError."""
        faiss, path, about = _faiss(), *_paths(self.index, self.kind)
        with replacing(path) as temporary:
            faiss.write_index(self.engine, str(temporary))
        shards = [entry.sha256 for entry in self.shards]
        with replacing(about) as temporary:
            temporary.write_text(json.dumps({'sha256': hash_file(path), 'shards': shards}))

    @classmethod
    def open(cls, index: GalleryIndex, kind: str) -> 'FaissSearch':
        """What was saved. FAISS does not defend itself against files that are made to harm: open your own only.

        Raises:
            GalleryIndexError: there is none, it is damaged, or it was made of other rows.
        """
        faiss, path, about = _faiss(), *_paths(index, kind)
        again = f'make it again with python -m ifd_zoo.index faiss --kind {kind}'
        if not about.is_file() or not path.is_file():
            raise GalleryIndexError(f'{path}: there is none; {again}')
        try:
            values = json.loads(about.read_text())
            shards, sha256 = list(values['shards']), values['sha256']
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryIndexError(f'{about}: cannot be read ({error}); {again}') from error
        covered = index.manifest.shards[: len(shards)]
        if [entry.sha256 for entry in covered] != shards:
            raise GalleryIndexError(f'{path}: was made of other rows than the index has now; {again}')
        if hash_file(path) != sha256:
            raise GalleryIndexError(f'{path}: changed since it was written; {again}')
        return cls(index, kind, faiss.read_index(str(path)), covered)

    def search(self, queries: np.ndarray, top_k: int = 10) -> list[list[IndexMatch]]:
        """As `GalleryIndex.search`; of an approximate kind there may be fewer than `top_k`."""
        queries = self.index.check_queries(queries, top_k)
        if self.index.manifest.shards[: len(self.shards)] != self.shards:
            raise GalleryIndexError(f'{self.index.folder}: the index was compacted since; build this search again')
        alive, parts = self.index.table.alive, [shard.embeddings for shard in self.index.table.shards]
        later = alive.copy()
        later[: self.rows] = False
        rankings = []
        for query in queries:
            rows = self._propose(query, top_k, alive[: self.rows])
            if later.any():
                rows = np.append(rows, search_exact(parts, later, query[None], top_k)[0][0])
            rankings.append(rescore(parts, np.sort(rows), query, top_k))
        return self.index.table.describe(rankings)

    def _propose(self, query: np.ndarray, top_k: int, alive: np.ndarray) -> np.ndarray:
        """Rows (c,) that FAISS finds; of `flat` all that can be among the best or equal to one of them."""
        faiss, present = _faiss(), int(alive.sum())
        bits = np.packbits(alive, bitorder='little')
        options = _search_options(faiss, self.kind, faiss.IDSelectorBitmap(bits))
        number = min(max(PROPOSALS * top_k, 64), present)
        while number:
            scores, rows = self.engine.search(query[None], number, params=options)
            enough = scores[0, min(top_k, number) - 1] - 2 * FLAT_ERROR - 2 * 10**-DIGITS
            if self.kind != 'flat' or number == present or scores[0, -1] < enough:
                return rows[0][rows[0] >= 0].astype(np.int64)
            number = min(4 * number, present)
        return np.empty(0, np.int64)


def recall_at(index: GalleryIndex, search: FaissSearch, queries: np.ndarray, top_k: int = 10) -> float:
    """The share of the exact `top_k` that the search finds, over all queries (Q, D); errors as of `search`."""
    exact, found = index.search(queries, top_k), search.search(queries, top_k)
    hits = [len({m.row for m in a} & {m.row for m in b}) for a, b in zip(exact, found, strict=True)]
    return sum(hits) / sum(map(len, exact))


def sample_queries(index: GalleryIndex, number: int, noise: float = 0.5, seed: int = 0) -> np.ndarray:
    """Queries (Q, D) near rows of the index: each a row with random noise of that length, normalised."""
    rng = np.random.default_rng(seed)
    rows = _sample(index, number, seed)
    queries = rows + noise * rng.standard_normal(rows.shape, dtype=np.float32) / np.sqrt(index.dim, dtype=np.float32)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True)


def _faiss() -> ModuleType:
    try:
        import faiss
    except ImportError as error:
        raise GalleryIndexError(
            f'FAISS cannot be loaded ({error}); pip install faiss-cpu, or search without it, which is exact'
        ) from error
    return faiss


def _new_engine(faiss: ModuleType, kind: str, index: GalleryIndex) -> Any:
    dim, product = index.dim, faiss.METRIC_INNER_PRODUCT
    if kind == 'flat':
        return faiss.IndexFlatIP(dim)
    if kind == 'hnsw':
        engine = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_fp16, LINKS, product)
        engine.hnsw.efConstruction = BUILD_EFFORT
        return engine
    if index.manifest.rows < MIN_IVF_ROWS:
        raise GalleryIndexError(f'{index.folder}: {index.manifest.rows} rows are too few for ivfpq; take flat or hnsw')
    lists = int(min(4 * index.manifest.rows**0.5, index.manifest.rows // 40))
    codes = next(size for size in (128, 64, 32, 16, 8, 4, 2, 1) if dim % size == 0 and dim >= 4 * size or size == 1)
    return faiss.IndexIVFPQ(faiss.IndexFlatIP(dim), dim, lists, codes, 8, product)


def _search_options(faiss: ModuleType, kind: str, selector: Any) -> Any:
    if kind == 'hnsw':
        return faiss.SearchParametersHNSW(sel=selector, efSearch=EFFORT)
    if kind == 'ivfpq':
        return faiss.SearchParametersIVF(sel=selector, nprobe=PROBES)
    return faiss.SearchParameters(sel=selector)


def _sample(index: GalleryIndex, number: int, seed: int = 0) -> np.ndarray:
    """Embeddings (n, D) float32 of rows drawn at random, at most all."""
    rows = np.random.default_rng(seed).permutation(index.manifest.rows)[:number]
    shards = [index.table.locate(row) for row in np.sort(rows)]
    return np.stack([shard.embeddings[position].float().numpy() for shard, position in shards])


def _paths(index: GalleryIndex, kind: str) -> tuple[Path, Path]:
    if kind not in FAISS_KINDS:
        raise ValueError(f'unknown kind {kind!r}: known are {", ".join(FAISS_KINDS)}')
    return index.folder / f'faiss-{kind}.index', index.folder / f'faiss-{kind}.json'
