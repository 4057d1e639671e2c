"""Bar chart of an ablation study."""

from pathlib import Path
from typing import Any

from eval.reports.summary import TITLES

BARS = {'rank1': ('rank-1', '#0072B2'), 'mAP': ('mAP', '#E69F00')}
"""Label and colour: Okabe and Ito's blue and orange, distinguishable with every kind of colour vision."""

INK, MUTED, GRID = '#24292f', '#57606a', '#d0d7de'
STYLE = {
    'font.size': 10,
    'text.color': INK,
    'axes.labelcolor': INK,
    'axes.edgecolor': GRID,
    'xtick.color': INK,
    'ytick.color': INK,
    'svg.fonttype': 'path',
    # Without a salt, ids in the file are random, so that no two files of a chart are the same.
    'svg.hashsalt': 'ifd',
}


def draw_chart(report: dict, path: Path) -> None:
    """Write an SVG with rank-1 and mAP of each row, one panel per mode (at most two); equal reports give equal bytes.

    Args:
        report: from `train.studies.report.build_report`. Error bars are its standard deviations; none for one seed.
        path: `.svg`.
    """
    # Imported late, as only charts need it, and without pyplot, which may ask for a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    modes = [mode for mode in TITLES if all(mode in row['summary'] for row in report['rows'])][:2]
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout='constrained', facecolor='white')
        panels = figure.subplots(1, len(modes), squeeze=False)[0]
        for panel, mode in zip(panels, modes, strict=True):
            _draw_panel(panel, report['rows'], mode)
        # The panels leave a band at the top for the heading and the legend.
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08, wspace=0.04, rect=(0, 0, 1, 0.91))
        figure.text(0.016, 0.945, _heading(report['seeds'], len(modes)), va='center', fontsize=9, color=MUTED)
        bars = panels[0].get_legend_handles_labels()
        figure.legend(*bars, loc='center right', bbox_to_anchor=(0.988, 0.945), ncols=len(BARS), frameon=False)
        figure.savefig(path, format='svg', metadata={'Date': None, 'Creator': None})


def _heading(seeds: list[int], panels: int) -> str:
    over = f'mean and standard deviation over {len(seeds)} seeds' if len(seeds) > 1 else 'one seed'
    return f'percent, {over}' + ('; each panel has its own scale' if panels > 1 else '')


def _draw_panel(panel: Any, rows: list[dict], mode: str) -> None:
    width = 0.8 / len(BARS)
    tops = []
    for index, (name, (label, color)) in enumerate(BARS.items()):
        values = [row['summary'][mode][name] for row in rows]
        means, spreads = [value['mean'] for value in values], [value['std'] or 0 for value in values]
        positions = [row + (index - (len(BARS) - 1) / 2) * width for row in range(len(rows))]
        panel.bar(positions, means, width * 0.94, color=color, label=label, zorder=2)
        if any(spreads):
            panel.errorbar(positions, means, spreads, fmt='none', ecolor=INK, elinewidth=1.2, capsize=3, zorder=3)
        for position, mean, spread in zip(positions, means, spreads, strict=True):
            panel.annotate(
                f'{mean:.1f}', (position, mean + spread), (0, 3), textcoords='offset points', ha='center', fontsize=8
            )
        tops += [mean + spread for mean, spread in zip(means, spreads, strict=True)]
    panel.set_title(TITLES[mode], loc='left', fontweight='bold', fontsize=10)
    panel.set_xticks(range(len(rows)), [row['label'] for row in rows])
    panel.set_ylim(0, max(1, 1.1 * max(tops)))
    panel.locator_params(axis='y', nbins=5, integer=True)
    panel.grid(axis='y', color=GRID, linewidth=0.7, zorder=0)
    panel.tick_params(length=0)
    panel.spines[['top', 'right', 'left']].set_visible(False)
