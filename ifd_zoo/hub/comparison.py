"""Tables that compare several models on every test, for model cards, README files and the terminal."""

from typing import Any

from ifd_zoo.common.tables import markdown_table

FIGURES = ('rank1', 'mAP')


def comparison_tables(report: dict[str, Any]) -> str:
    """Return one table per test (rank-1 / mAP in percent, a line per model and kind of masks) and one of costs.

    Args:
        report: of `eval/compare.py`: `tests`, `rows` with `row`, `test`, `masks`, `seeds` and `figures`, and `costs`;
            optionally `features`, the test feature of each row.
    """
    tests = {test: [row for row in report['rows'] if row['test'] == test] for test in report['tests']}
    features = [', '.join(f'{name} {feature}' for name, feature in report.get('features', {}).items())]
    lines = [f'Test features: {names}.' for names in features if names]
    tables = [_table(test, rows) for test, rows in tests.items() if rows]
    return '\n\n'.join([*lines, *tables, _cost_table(report['costs'])])


def _table(test: str, rows: list[dict[str, Any]]) -> str:
    modes = list(dict.fromkeys(mode for row in rows for mode in row['figures']))
    first = rows[0]['figures'][modes[0]]
    lines = [['model', 'masks', 'seeds', *modes]]
    for row in rows:
        figures = [format_figures(row['figures'].get(mode)) for mode in modes]
        seeds = [str(seed) for seed in row['seeds'] if seed is not None]
        lines.append([row['row'], row['masks'], ', '.join(seeds) or '-', *figures])
    title = f'**{test}**: {first["valid_queries"]} queries, {first["gallery"]} gallery images'
    return f'{title}\n\n{markdown_table(lines)}'


def format_figures(figures: dict[str, Any] | None) -> str:
    """Format rank-1 and mAP as `21.3 ± 0.6 / 14.0 ± 0.2`; a dash if nothing was measured."""
    return ' / '.join(format_spread(figures[name]) for name in FIGURES) if figures else '-'


def format_spread(value: dict[str, float | None]) -> str:
    """Format a mean as `21.3 ± 0.6`, or `21.3` without standard deviation."""
    spread = '' if value['std'] is None else f' ± {value["std"]:.1f}'
    return f'{value["mean"]:.1f}{spread}'


def _cost_table(costs: dict[str, dict[str, Any]]) -> str:
    first = next(iter(costs.values()))
    where = f'{first["threads"]} CPU threads' if first['threads'] else first['device']
    lines = [['model', 'parameters', 'GFLOPs', 'images/s']]
    for name, cost in costs.items():
        speed = f'{cost["images_per_second"]:.0f} ({cost["precision"]})'
        lines.append([name, f'{cost["parameters"] / 1e6:.1f} M', f'{cost["gflops"]:.2f}', speed])
    title = f'**cost**: images/s on {where}, from photo to embedding, masks included where they are needed'
    return f'{title}\n\n{markdown_table(lines)}'
