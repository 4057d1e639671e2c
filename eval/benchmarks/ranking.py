"""Ranking, exact search and metrics, relative to the networks or the numpy or torch call that each must run."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from eval.benchmarks.networks import floors, parsing_network, with_mirror_image
from eval.benchmarks.pictures import read_crops
from eval.benchmarks.rows import Row, best_seconds
from eval.metrics import Labels, evaluate
from ifd_zoo import index
from ifd_zoo.parsing.parser import normalise
from ifd_zoo.predictor import Predictor, rank_embeddings

GALLERY = 100
PRCC = (3543, 3384, 71)
"""Number of cc queries, gallery images and people in PRCC's test set, with the whole gallery at once."""
ROWS, DIM = 100_000, 512
START = datetime(2026, 1, 1, tzinfo=UTC)


def bench_ranking(root: Path, rounds: int) -> list[Row]:
    """Time ranking one new query against 100 photos, with their embeddings known or not."""
    predictor = Predictor()
    query, *gallery = read_crops(root, GALLERY + 1)
    known = predictor.embed(gallery)
    crops = normalise(torch.from_numpy(np.stack([np.asarray(crop) for crop in gallery])).permute(0, 3, 1, 2))
    crops = crops.to(predictor.device)
    small = predictor.transform.batch(gallery, None, predictor.device).image
    streams = [with_mirror_image(stream.backbone) for stream in predictor.model.streams()]
    bare = {
        f'{kind} {number} {name}': function
        for number, part in (('one', slice(1)), ('all', slice(None)))
        for kind, settings in (
            ('parser', floors([parsing_network(predictor)], crops[part])),
            ('backbones', floors(streams, small[part])),
        )
        for name, function in settings.items()
    }

    def rank_known() -> None:
        predictor.parser.forget()
        rank_embeddings(predictor.embed([query])[0], known)

    def rank_new() -> None:
        predictor.parser.forget()
        predictor.rank(query, gallery)

    times = best_seconds({'known': rank_known, 'new': rank_new, **bare}, rounds)

    def floor(number: str) -> float:
        return sum(
            min(seconds for name, seconds in times.items() if name.startswith(f'{kind} {number} '))
            for kind in ('parser', 'backbones')
        )

    return [
        Row(f'rank 1 x {len(gallery)} known', times['known'], floor('one'), 'seconds', 'floor: bare networks, 1 crop'),
        Row(f'rank 1 x {len(gallery)} new', times['new'], floor('all'), 'seconds', 'floor: bare networks, all crops'),
    ]


def bench_metrics(root: Path, rounds: int, size: tuple[int, int, int] = PRCC) -> list[Row]:
    """Time CMC, mAP and mINP of a similarity matrix; the unit is one sort of it."""
    queries, gallery, people = size
    rng = np.random.default_rng(0)
    similarity = rng.normal(size=(queries, gallery)).astype(np.float32)
    sides = [Labels(rng.integers(people, size=n), np.full(n, camera), rng.integers(people, size=n) + camera * people)
             for n, camera in ((queries, 0), (gallery, 1))]
    times = best_seconds(
        {'ours': lambda: evaluate(similarity, *sides, 'cc'), 'unit': lambda: np.argsort(similarity, axis=1)}, rounds
    )
    return [Row(f'metrics {queries} x {gallery}', times['ours'], times['unit'], 'seconds', 'unit: one np.argsort')]


def bench_search(root: Path, rounds: int, rows: int = ROWS) -> list[Row]:
    """Time exact search for one query in normalised rows as an index stores them; the unit is one matmul and top-k."""
    generator = torch.Generator().manual_seed(0)
    whole = torch.nn.functional.normalize(torch.randn(rows, DIM, generator=generator))
    query = torch.nn.functional.normalize(torch.randn(1, DIM, generator=generator))
    known = [index.Row(str(row), '', '', START, '') for row in range(rows)]
    batches = index.lancedb_tables.as_table(known, whole.numpy(), {}).to_batches(index.ranking.BATCH)
    times = best_seconds(
        {
            'ours': lambda: index.ranking.rank_batches(batches, query.numpy(), 10),
            'unit': lambda: torch.topk(query @ whole.T, 10),
        },
        5 * rounds,
    )
    return [Row(f'search {rows} x {DIM}', times['ours'], times['unit'], 'seconds', 'unit: matmul and topk in float32')]
