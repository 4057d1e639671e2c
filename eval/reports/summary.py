"""Metrics of several runs, one per seed, as mean and standard deviation."""

import statistics
from typing import Any

from ifd_zoo.common.errors import ZooError

TITLES = {'cc': 'Clothes changed (cc)', 'sc': 'Same clothes (sc)', 'general': 'General'}
"""Maps each mode to its heading."""
FIGURES = ('rank1', 'mAP')


class SummaryError(ZooError, ValueError):
    """Runs without metrics to summarise; the message names the run."""


def summarise(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Summarise the metrics of one row over its seeds.

    Args:
        runs: runs on one data set, each with `name` and `figures`, the dicts of
            `eval.reports.metric_tables.evaluate_protocols`.

    Returns:
        Maps mode to `protocol`, `valid_queries`, `gallery` (images), and `rank1` and `mAP` as {'mean', 'std'} in
        percent; std is the sample standard deviation (n - 1), None for a single run. The first protocol of a mode
        represents it; modes without a valid query are left out.

    Raises:
        SummaryError: a run has no metrics.
    """
    by_run = [first_by_mode(run) for run in runs]
    return {
        mode: {
            **{key: row[key] for key in ('protocol', 'valid_queries', 'gallery')},
            **{name: _spread([modes[mode][name] for modes in by_run]) for name in FIGURES},
        }
        for mode, row in by_run[0].items()
    }


def first_by_mode(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the first row of each mode that has valid queries. Raises SummaryError if there is none."""
    modes = {}
    for mode in TITLES:
        rows = [row for row in run['figures'] if row['mode'] == mode and row['valid_queries']]
        if rows:
            modes[mode] = rows[0]
    if not modes:
        raise SummaryError(f'{run["name"]}: no figures; the data set needs queries with an answer in the gallery')
    return modes


def _spread(values: list[float]) -> dict[str, float | None]:
    return {'mean': statistics.fmean(values), 'std': statistics.stdev(values) if len(values) > 1 else None}
