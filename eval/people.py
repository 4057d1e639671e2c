"""Figures with intervals over people, and paired differences between models."""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eval.measure import Measurement, measure_model
from eval.metrics import Scores, evaluate_embeddings, labels_of
from eval.run import parse_args as measurement_args
from ifd_zoo.hub import load_model
from ifd_zoo.tables import markdown_table

RESAMPLES = 2000
LEVEL = 95  # percent
SCORES: dict[str, Callable[[Scores], np.ndarray]] = {
    'rank1': lambda scores: scores.first_hit == 1,
    'mAP': lambda scores: scores.average_precision,
}
"""Figure to the score of each valid query, in [0, 1]."""


class Interval(NamedTuple):
    value: float
    low: float
    high: float


def over_people(values: np.ndarray, pids: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The mean of values and its interval of 95 %, people drawn with replacement, each with all of its values.

    For a paired difference, give the differences of two models, query by query.

    Args:
        values: (Q,), one of each query.
        pids: (Q,), whose query it is.
        resamples: draws of as many people as there are.
        seed: of the draws: equal seeds and people are drawn alike.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError('an interval needs at least one query')
    people, owner = np.unique(pids, return_inverse=True)
    sums, counts = np.bincount(owner, values.astype(float)), np.bincount(owner)
    drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def compare_rows(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One dict for each protocol and row: `protocol`, `row`, and `rank1` and `mAP`, in percent, with `value`, `low` and
    `high`; beside the first row also `rank1_difference` and `mAP_difference` to it."""
    names = [f'{name}, {feature}' if feature else name for name, feature in args.models]
    found = [_scores(load_model(*pair), args) for pair in args.models]
    rows = []
    for place, protocol in enumerate(found[0]):
        for name, own in zip(names, found, strict=True):
            row = {'protocol': protocol[0], 'row': name}
            for figure, score in SCORES.items():
                values, first = score(own[place][1]).astype(float), score(found[0][place][1]).astype(float)
                row[figure] = _percent(over_people(values, own[place][2]))
                if name != names[0]:
                    row[f'{figure}_difference'] = _percent(over_people(values - first, own[place][2]))
            rows.append(row)
    return rows


def _scores(model: Any, args: argparse.Namespace) -> list[tuple[str, Scores, np.ndarray]]:
    """Measure a model: for each protocol the name, the scores, and the pids of its valid queries."""
    flags = {'root': args.root, 'data': args.data, 'masks': args.masks, 'workers': args.workers, 'model': '-'}
    flags |= {'device': args.device} if args.device else {}
    argv = [word for flag, value in flags.items() for word in (f'--{flag}', str(value))]
    measured: Measurement = measure_model(model, measurement_args(argv))
    position = {record: index for index, record in enumerate(measured.records)}
    result = []
    for protocol in measured.protocols:
        sides = protocol.query, protocol.gallery
        embeddings = (measured.embeddings[[position[record] for record in side]] for side in sides)
        query, gallery = map(labels_of, sides)
        scores = evaluate_embeddings(*embeddings, query, gallery, protocol.mode)
        if len(scores.query):
            result.append((protocol.name, scores, query.pids[scores.query]))
    return result


def _percent(interval: Interval) -> dict[str, float]:
    return {name: round(100 * value, 2) for name, value in interval._asdict().items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, a line for each protocol and row."""
    lines = [['protocol', 'model', 'rank-1', 'mAP', 'rank-1, difference', 'mAP, difference']]
    for row in rows:
        figures = (row.get(name) for name in ('rank1', 'mAP', 'rank1_difference', 'mAP_difference'))
        cells = ('{value:.1f} [{low:.1f}, {high:.1f}]'.format(**one) if one else '-' for one in figures)
        lines.append([row['protocol'], row['row'], *cells])
    return markdown_table(lines)
