"""A large index of random people, measured."""

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from eval.scale import PERSON
from ifd_zoo.index import FaissSearch, GalleryIndex, recall_at
from ifd_zoo.index.faiss_search import sample_queries

T = TypeVar('T')
BLOCK = 50_000  # rows that are added at once
SPREAD = 0.65  # of a person's rows; two of them have a cosine of 1 / (1 + SPREAD^2)
SMALL = 100_000
QUERIES, TOP_K = (1, 100), 10
CHANGED = 100  # people
LIMIT = 1.5  # of the time of exact search to that of its unit


class Figure(NamedTuple):
    what: str
    value: float
    unit: str
    note: str = ''


def people(start: int, number: int, dim: int) -> np.ndarray:
    """Rows (PERSON * number, D) float32 of unit length: of the persons `start` and following."""
    rng = np.random.default_rng(start)
    centres = rng.standard_normal((number, 1, dim), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=2, keepdims=True)
    rows = centres + SPREAD / dim**0.5 * rng.standard_normal((number, PERSON, dim), dtype=np.float32)
    return (rows / np.linalg.norm(rows, axis=2, keepdims=True)).reshape(-1, dim)


def add_people(index: GalleryIndex, start: int, vectors: np.ndarray) -> None:
    persons = [f'{start + row // PERSON:07d}' for row in range(len(vectors))]
    index.add([f'{person}/{row % PERSON:02d}.jpg' for row, person in enumerate(persons)], vectors, labels=persons)


def timed(function: Callable[[], T]) -> tuple[float, T]:
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def folder_megabytes(folder: Path, pattern: str = '*') -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6


def build(folder: Path, rows: int, dim: int) -> Iterator[Figure | GalleryIndex]:
    """Figures, and at last the index."""
    index, seconds = GalleryIndex.create(folder, {'made_by': 'eval/scale.py'}, dim), 0.0
    for start in tqdm(range(0, rows, BLOCK), desc='build', leave=False):
        first, last = start // PERSON, min(start + BLOCK, rows) // PERSON
        vectors = people(first, last - first, dim)
        seconds += timed(lambda first=first, vectors=vectors: add_people(index, first, vectors))[0]
    yield Figure('build, without making up the vectors', seconds, 's', f'{len(index) / seconds:,.0f} rows/s')
    yield Figure('size on disk', folder_megabytes(folder), 'MB', 'float16, names, labels and hashes')
    yield Figure('open', 1000 * timed(lambda: GalleryIndex.open(folder, verify=False))[0], 'ms')
    seconds, index = timed(lambda: GalleryIndex.open(folder))
    yield Figure('open, all files verified', seconds, 's', 'SHA-256 and lengths')
    yield index


def compare_with_unit(index: GalleryIndex, rounds: int) -> list[Figure]:
    """Exact search and its unit in turns: the best of some rounds of each."""
    queries = sample_queries(index, max(QUERIES))
    memory, start = torch.empty(index.manifest.rows, index.dim), 0
    for shard in index.table.shards:
        memory[start : start + len(shard)] = shard.embeddings
        start += len(shard)
    figures = []
    for number in QUERIES:
        targets, ours, unit = torch.from_numpy(queries[:number]), [], []
        for _ in range(rounds):
            ours.append(timed(lambda number=number: index.search(queries[:number], TOP_K))[0])
            unit.append(timed(lambda targets=targets: torch.topk(targets @ memory.T, TOP_K))[0])
        note = f'its unit {1000 * min(unit):,.1f} ms with {torch.get_num_threads()} threads'
        what = f'exact search, {start:,} rows, {number} quer{"y" if number == 1 else "ies"}'
        figures += [
            Figure(what, 1000 * min(ours), 'ms', note),
            Figure(f'{what}: ratio to its unit', min(ours) / min(unit), '', f'at most {LIMIT}'),
        ]
    return figures


def change(index: GalleryIndex) -> Iterator[Figure]:
    """People taken out and brought in, without a rebuild."""
    last = len(index) // PERSON
    number = max(1, min(CHANGED, last // 10))
    gone = [f'{person:07d}' for person in range(number)]
    seconds, removed = timed(lambda: index.remove(labels=gone))
    yield Figure(f'delete {number} people', 1000 * seconds, 'ms', f'{removed} rows; names are read for the first time')
    vectors = people(last, number, index.dim)
    yield Figure(f'add {number} people', 1000 * timed(lambda: add_people(index, last, vectors))[0], 'ms')
    again = [f'{last + person:07d}' for person in range(number)]
    yield Figure(f'delete {number} people again', 1000 * timed(lambda: index.remove(labels=again))[0], 'ms')
    seconds = min(timed(lambda: index.search(vectors[0], TOP_K))[0] for _ in range(5))
    yield Figure('exact search then, 1 query', 1000 * seconds, 'ms', f'{len(index):,} rows are left')
    found = {match.label for match in index.search(vectors[::PERSON], 1)[0]} & {*gone, *again}
    yield Figure('deleted people that are found', len(found), 'people')
    yield Figure('compact', timed(index.compact)[0], 's', f'{folder_megabytes(index.folder):,.0f} MB')


def bench_faiss(index: GalleryIndex, kind: str) -> Iterator[Figure]:
    seconds, search = timed(lambda: FaissSearch.build(index, kind))
    search.save()
    yield Figure(f'FAISS {kind}: build', seconds, 's')
    yield Figure(f'FAISS {kind}: size', folder_megabytes(index.folder, f'faiss-{kind}.index'), 'MB')
    known = sample_queries(index, 100)
    strangers = people(len(index), 100, index.dim)[::PERSON]
    seconds = min(timed(lambda: search.search(known, TOP_K))[0] for _ in range(3))
    yield Figure(f'FAISS {kind}: search, a query of 100', 10 * seconds, 'ms', 'what it finds is compared exactly')
    for who, queries in (('people in the index', known), ('strangers', strangers)):
        recall = recall_at(index, search, queries, TOP_K)
        yield Figure(f'FAISS {kind}: recall@10, {who}', recall, '', 'against exact search; 100 queries')
    for path in index.folder.glob(f'faiss-{kind}.*'):
        path.unlink()


def measure(folder: Path, args: argparse.Namespace) -> Iterator[Figure]:
    *figures, index = build(folder / 'index', args.rows, args.dim)
    yield from figures
    index.search(sample_queries(index, max(QUERIES)), TOP_K)
    yield from change(index)
    yield Figure('peak memory, built, searched and changed', peak_gigabytes(), 'GB')
    yield from compare_with_unit(index, args.rounds)
    *_, small = build(folder / 'small', min(SMALL, args.rows), args.dim)
    yield from compare_with_unit(small, args.rounds)
    for kind in args.kinds:
        yield from bench_faiss(index, kind)
    yield Figure('peak memory, all of this', peak_gigabytes(), 'GB', 'with the rows of the unit in float32')


def cells(figure: Figure) -> tuple[str, str, str]:
    digits = 0 if figure.value >= 1000 else 1 if figure.value >= 10 else 3
    return figure.what, f'{figure.value:,.{digits}f} {figure.unit}', figure.note


def describe_machine() -> dict[str, Any]:
    return {'cores': os.cpu_count(), 'threads': torch.get_num_threads(), 'load': round(os.getloadavg()[0], 1)}
