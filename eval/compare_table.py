"""Measurements of several models as figures over seeds, and as tables."""

from collections.abc import Sequence
from typing import Any

from eval.summary import FIGURES, MODES, format_spread, summarise


def summarise_rows(measured: Sequence[tuple[str, str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over the models of a row.

    Args:
        measured: name of the row, test, masks and the report of `eval.run`, in the order of the tables.

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


def markdown(report: dict[str, Any]) -> str:
    """One table for each test: rank-1 / mAP in percent, a line for each model and kind of masks."""
    return '\n\n'.join(_table(test, [row for row in report['rows'] if row['test'] == test]) for test in report['tests'])


def _table(test: str, rows: list[dict[str, Any]]) -> str:
    modes = [mode for mode in MODES if any(mode in row['figures'] for row in rows)]
    first = rows[0]['figures'][modes[0]]
    lines = [
        f'**{test}**: {first["valid_queries"]} queries, {first["gallery"]} gallery images',
        '',
        f'| model | masks | seeds | {" | ".join(modes)} |',
        '|' + '---|' * (3 + len(modes)),
    ]
    for row in rows:
        figures = [_cell(row['figures'].get(mode)) for mode in modes]
        seeds = [str(seed) for seed in row['seeds'] if seed is not None]
        lines.append(f'| {" | ".join([row["row"], row["masks"], ", ".join(seeds) or "-", *figures])} |')
    return '\n'.join(lines)


def _cell(figures: dict[str, Any] | None) -> str:
    return ' / '.join(format_spread(figures[name]) for name in FIGURES) if figures else '-'
