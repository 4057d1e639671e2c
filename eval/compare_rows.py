"""Measurements of several models as figures over seeds."""

from collections.abc import Sequence
from typing import Any

from eval.summary import summarise


def summarise_rows(measured: Sequence[tuple[str, str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over the models of a row.

    Args:
        measured: name of the row, test, masks and the report of `eval.measure`, in the order of the tables.

    Returns:
        One for each row, test and masks, in that order: these three, `seeds`, `weights` (SHA-256) and `figures` (mode
        to what `eval.summary.summarise` gives).
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row, test, masks, report in measured:
        groups.setdefault((row, test, masks), []).append(report)
    return [
        {
            'row': row,
            'test': test,
            'masks': masks,
            'seeds': [report['seed'] for report in reports],
            'weights': [report['weights_sha256'] for report in reports],
            'figures': summarise([{'name': row, 'figures': report['protocols']} for report in reports]),
        }
        for (row, test, masks), reports in groups.items()
    ]
