"""Bootstrap intervals over people, for metrics and for paired differences between models."""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eval.measure import Setting, measure_model
from eval.metrics import Scores, evaluate_embeddings, labels_of
from eval.reference_models import floors, imagenet_models
from ifd_zoo.common.files import replacing
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.hub import load_model

RESAMPLES = 2000
LEVEL = 95  # percent
SCORES: dict[str, Callable[[Scores], np.ndarray]] = {
    'rank1': lambda scores: scores.first_hit == 1,
    'mAP': lambda scores: scores.average_precision,
}
"""Maps each metric to its value for each valid query, in [0, 1]."""


class Interval(NamedTuple):
    value: float
    low: float
    high: float


def bootstrap_mean(values: np.ndarray, pids: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean and its 95 % bootstrap interval; people are resampled, each with all of their queries.

    For a paired difference, pass the differences of two models, query by query.

    Args:
        values: (Q,), one per query; or (S, Q) for S trainings, which are then resampled as well.
        pids: (Q,), pid of each query.
        resamples: number of bootstrap samples.
        seed: the same seed and pids give the same resamples.

    Raises:
        ValueError: there are no values.
    """
    values = np.atleast_2d(values).astype(float)
    if not values.size:
        raise ValueError('an interval needs at least one query')
    people, owner = np.unique(pids, return_inverse=True)
    sums = np.stack([np.bincount(owner, row) for row in values])  # (S, P)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(people), size=(resamples, len(people)))
    trainings = rng.integers(len(values), size=(resamples, len(values)))
    means = sums[:, drawn].sum(2) / np.bincount(owner)[drawn].sum(1)  # (S, resamples)
    low, high = np.percentile(np.take_along_axis(means.T, trainings, 1).mean(1), [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def in_percent(interval: Interval) -> dict[str, float]:
    """Return `value`, `low` and `high` in percent, rounded to two decimals."""
    return {name: round(100 * value, 2) for name, value in interval._asdict().items()}


class Answers(NamedTuple):
    """Scores of one protocol."""

    protocol: str
    scores: Scores
    pids: np.ndarray
    """(V,), pid of each valid query."""


def write_answers(path: Path, answers: Sequence[Answers]) -> None:
    """Write answers to an npz file."""
    arrays = {f'{one.protocol}/{name}': values for one in answers for name, values in one.scores._asdict().items()}
    arrays |= {f'{one.protocol}/pids': one.pids for one in answers}
    with replacing(path) as temporary, temporary.open('wb') as file:
        np.savez_compressed(file, **arrays)


def read_answers(path: Path) -> list[Answers]:
    """Read answers from a file by `write_answers`."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    protocols = dict.fromkeys(name.rpartition('/')[0] for name in arrays)
    return [
        Answers(one, Scores(*(arrays[f'{one}/{name}'] for name in Scores._fields)), arrays[f'{one}/pids'])
        for one in protocols
    ]


def compare_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the models of the command line, and return their `paired_rows`."""
    with tempfile.TemporaryDirectory() as maps:  # so that the parser runs once for all models
        setting, folder = Setting.of(args), Path(maps)
        rows = [(row.label, [load_model(model, row.feature) for model in row.models]) for row in args.models]
        references = imagenet_models(args.imagenet) | (floors(rows[0][1][0]) if args.floors else {})
        rows += [(label, [model]) for label, model in references.items()]
        trainings = [[answer(model, setting, folder) for model in models] for _, models in rows]
    return paired_rows([label for label, _ in rows], trainings)


def paired_rows(names: Sequence[str], trainings: Sequence[Sequence[Sequence[Answers]]]) -> list[dict[str, Any]]:
    """Return a dict per protocol and row: `protocol`, `row`, and `rank1` and `mAP` in percent, each with `value`, `low`
    and `high`; all rows but the first also have `rank1_difference` and `mAP_difference` to the first.

    Args:
        trainings: for each name the answers of one or more trainings, for the same protocols in the same order. Rows
            with equally many trainings are compared training by training, others by their means.
    """
    rows = []
    for place, reference in enumerate(trainings[0][0]):
        own = [[answers[place].scores for answers in row] for row in trainings]
        for name, scores in zip(names, own, strict=True):
            row = {'protocol': reference.protocol, 'row': name}
            for figure, score in SCORES.items():
                values, first = (np.stack([score(one) for one in side]).astype(float) for side in (scores, own[0]))
                row[figure] = in_percent(bootstrap_mean(values, reference.pids))
                if name != names[0]:
                    if len(values) != len(first):
                        values, first = values.mean(0), first.mean(0)
                    row[f'{figure}_difference'] = in_percent(bootstrap_mean(values - first, reference.pids))
            rows.append(row)
    return rows


def answer_protocols(
    protocols: Sequence[Protocol], records: Sequence[Record], embeddings: np.ndarray
) -> list[Answers]:
    """Evaluate embeddings on each protocol that has a valid query.

    Args:
        records: the images of the protocols, each once.
        embeddings: (N, D), unit length, in the order of the records.
    """
    position = {record: index for index, record in enumerate(records)}
    result = []
    for protocol in protocols:
        sides = protocol.query, protocol.gallery
        query, gallery = map(labels_of, sides)
        parts = (embeddings[[position[record] for record in side]] for side in sides)
        scores = evaluate_embeddings(*parts, query, gallery, protocol.mode)
        if len(scores.query):
            result.append(Answers(protocol.name, scores, query.pids[scores.query]))
    return result


def answer(model: Any, setting: Setting, maps: Path | None = None) -> list[Answers]:
    """Evaluate a model on the protocols of a data set.

    Args:
        maps: folder in which a parser's label maps are cached.
    """
    return answer_protocols(*measure_model(model, setting, maps)[1:])


def table(rows: list[dict[str, Any]]) -> str:
    """Format rows as a Markdown table, one line per protocol and row."""
    lines = [['protocol', 'model', 'rank-1', 'mAP', 'rank-1, difference', 'mAP, difference']]
    for row in rows:
        figures = (row.get(name) for name in ('rank1', 'mAP', 'rank1_difference', 'mAP_difference'))
        cells = ('{value:.1f} [{low:.1f}, {high:.1f}]'.format(**one) if one else '-' for one in figures)
        lines.append([row['protocol'], row['row'], *cells])
    return markdown_table(lines)
