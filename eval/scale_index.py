"""Measurements of a large index of random people."""

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from eval.scale import PERSON
from ifd_zoo.index import GalleryIndex, Row, SearchFilter, approximate

T = TypeVar('T')
BLOCK = 50_000  # rows added at once
SPREAD = 0.65  # of a person's rows, which gives them a cosine of 1 / (1 + SPREAD^2)
SMALL = 100_000
QUERIES, TOP_K = (1, 100), 10
CHANGED = 100  # people
CAMERAS = 20
KEY = {'made_by': 'eval/scale.py'}
START = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = timedelta(milliseconds=1)  # there are no other readers


class Figure(NamedTuple):
    what: str
    value: float
    unit: str
    note: str = ''


def people(start: int, number: int, dim: int) -> np.ndarray:
    """Draw rows (PERSON * number, D) float32 of unit length, of `number` people from person `start` on."""
    rng = np.random.default_rng(start)
    centres = rng.standard_normal((number, 1, dim), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=2, keepdims=True)
    rows = centres + SPREAD / dim**0.5 * rng.standard_normal((number, PERSON, dim), dtype=np.float32)
    return (rows / np.linalg.norm(rows, axis=2, keepdims=True)).reshape(-1, dim)


def add_people(index: GalleryIndex, start: int, vectors: np.ndarray) -> None:
    places = [(f'{start + row // PERSON:07d}', row % PERSON) for row in range(len(vectors))]
    rows = [
        Row(f'{pid}/{place:02d}.jpg', pid, str(place % CAMERAS), START + timedelta(hours=place), f'{pid}{place:057d}')
        for pid, place in places
    ]
    index.add(rows, vectors)


def timed(function: Callable[[], T]) -> tuple[float, T]:
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def folder_megabytes(folder: Path, pattern: str = '**/*') -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / 1e6


def build(folder: Path, rows: int, dim: int) -> Iterator[Figure | GalleryIndex]:
    """Build the index; yield the figures and finally the index."""
    index, seconds = GalleryIndex.open_or_create(folder, KEY, dim), 0.0
    for start in tqdm(range(0, rows, BLOCK), desc='build', leave=False):
        first, last = start // PERSON, min(start + BLOCK, rows) // PERSON
        vectors = people(first, last - first, dim)
        seconds += timed(lambda first=first, vectors=vectors: add_people(index, first, vectors))[0]
    yield Figure('build, without making up the vectors', seconds, 's', f'{rows / seconds:,.0f} rows/s')
    size = folder_megabytes(folder)
    seconds = timed(lambda: index.tidy(AT_ONCE))[0]
    yield Figure('size on disk', folder_megabytes(folder), 'MB', f'{size:,.0f} before `compact`, of {seconds:.1f} s')
    yield Figure('open', 1000 * timed(lambda: GalleryIndex.open(folder, KEY))[0], 'ms')
    yield Figure('check', timed(index.check)[0], 's', 'checksums of all rows')
    yield index


def compare_with_unit(index: GalleryIndex, rounds: int) -> Iterator[Figure]:
    """Time exact search and its unit in turns, best of some rounds."""
    queries, found = approximate.sample_queries(index, max(QUERIES)), index.embeddings()
    memory = torch.empty(len(found), index.dim)
    while found:
        memory[len(found) - 1] = torch.tensor(found.popitem()[1])
    for number in QUERIES:
        targets = torch.from_numpy(queries[:number])
        functions = {
            'ours': lambda number=number: index.search(queries[:number], TOP_K),
            'unit': lambda targets=targets: torch.topk(targets @ memory.T, TOP_K),
        }
        times = {name: [] for name in functions}
        for _ in range(rounds):
            for name, function in functions.items():
                times[name].append(timed(function)[0])
        ours, unit = min(times['ours']), min(times['unit'])
        what = f'exact search, {len(memory):,} rows, {number} quer{"y" if number == 1 else "ies"}'
        note = f'its unit {1000 * unit:,.1f} ms with {torch.get_num_threads()} threads'
        yield Figure(what, 1000 * ours, 'ms', note)
        yield Figure(f'{what}: ratio to its unit', ours / unit, '')
    only = SearchFilter(camids=['3'], since=START + timedelta(hours=1))
    seconds = min(timed(lambda: index.search(queries[:1], TOP_K, only))[0] for _ in range(rounds))
    yield Figure(f'exact search, {len(memory):,} rows, 1 query, of one camera', 1000 * seconds, 'ms')


def change(index: GalleryIndex) -> Iterator[Figure]:
    """Time adding, replacing and deleting people, without a rebuild."""
    last = len(index) // PERSON
    number = max(1, min(CHANGED, last // 10))
    vectors = people(last, number, index.dim)
    yield Figure(f'add {number} people', 1000 * timed(lambda: add_people(index, last, vectors))[0], 'ms')
    yield Figure('write them again', 1000 * timed(lambda: add_people(index, last, vectors))[0], 'ms')
    gone = [f'{person:07d}' for person in range(number)]
    seconds, removed = timed(lambda: index.remove(pids=gone))
    yield Figure(f'delete {number} people', 1000 * seconds, 'ms', f'{removed} rows')
    found = {match.pid for (match,) in index.search(people(0, number, index.dim)[::PERSON], 1)} & set(gone)
    yield Figure('deleted people that are found', len(found), 'people')


def bench_approximate(index: GalleryIndex, kind: str, rounds: int) -> Iterator[Figure]:
    seconds, (effort, _) = timed(lambda: approximate.build(index, kind))
    index.tidy(AT_ONCE)
    yield Figure(f'{kind}: build', seconds, 's', f'with the choice of its effort, {effort}')
    yield Figure(f'{kind}: size', folder_megabytes(Path(index.address), '*/_indices/*/*'), 'MB', 'beside the table')
    known = approximate.sample_queries(index, 100, seed=1)
    strangers = people(len(index), 100, index.dim)[::PERSON]
    for number in QUERIES:
        some = known[:number]
        seconds = min(timed(lambda some=some: index.search(some, TOP_K, near=True))[0] for _ in range(rounds))
        yield Figure(f'{kind}: search, {number} quer{"y" if number == 1 else "ies"}', 1000 * seconds, 'ms')
    for who, queries in (('people in the index', known), ('strangers', strangers)):
        recall = approximate.measure_recall(index.search(queries), index.search(queries, near=True))
        yield Figure(f'{kind}: recall@10, {who}', recall, '', 'against exact search; 100 other queries')


def measure(folder: Path, args: argparse.Namespace) -> Iterator[Figure]:
    *figures, index = build(folder / 'index', args.rows, args.dim)
    yield from figures
    index.search(approximate.sample_queries(index, max(QUERIES)), TOP_K)
    yield from change(index)
    yield Figure('peak memory, built, searched and changed', peak_gigabytes(), 'GB')
    for kind in args.kinds:
        yield from bench_approximate(index, kind, args.rounds)
    yield Figure('peak memory, with approximate indexes', peak_gigabytes(), 'GB')
    yield from compare_with_unit(index, args.rounds)
    if args.rows > SMALL:
        *_, small = build(folder / 'small', SMALL, args.dim)
        yield from compare_with_unit(small, args.rounds)
    yield Figure('peak memory, all of this', peak_gigabytes(), 'GB', 'with the rows of the unit in float32')


def cells(figure: Figure) -> tuple[str, str, str]:
    digits = 0 if figure.value >= 1000 else 1 if figure.value >= 10 else 3
    return figure.what, f'{figure.value:,.{digits}f} {figure.unit}', figure.note


def describe_machine() -> dict[str, Any]:
    return {'cores': os.cpu_count(), 'threads': torch.get_num_threads(), 'load': round(os.getloadavg()[0], 1)}
