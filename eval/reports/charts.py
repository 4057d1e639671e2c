"""Charts of the HTML report."""

from collections.abc import Sequence

import numpy as np

from ifd_zoo.explain.charts import COLOURS, svg_chart

SIZE = (420, 250)
KEYS = {'same': COLOURS[0], 'other': COLOURS[1]}
"""Maps each series of `histogram_chart` to its colour."""


def curve_chart(values: Sequence[float], title: str, marks: Sequence[int]) -> str:
    """Draw a CMC curve as SVG.

    Args:
        values: percent at rank 1, 2, ...; at least two.
        title: text for screen readers.
        marks: ranks to mark with a dot and a number; those beyond the values are ignored.
    """
    dots = [mark for mark in marks if mark <= len(values)]

    def draw(figure):
        axes = figure.subplots()
        axes.plot(range(1, len(values) + 1), values, COLOURS[0], linewidth=2.5, clip_on=False, zorder=3)
        axes.plot(dots, [values[mark - 1] for mark in dots], 'o', color=COLOURS[0], markersize=7, clip_on=False)
        for mark in dots:
            value = values[mark - 1]
            # Below and right of the dot, clear of the rising curve; close to the axis there is no room.
            offset, side = ((2, -7), 'top') if value > 15 else ((0, 7), 'bottom')
            align = 'right' if mark == len(values) else 'left'
            axes.annotate(
                f'{value:.1f}', (mark, value), offset, textcoords='offset points', ha=align, va=side, weight='bold'
            )
        axes.set(xlim=(1, len(values)), ylim=(0, 100), xlabel='rank', ylabel='queries answered, %')
        axes.set_xticks(sorted({*dots, len(values)}))
        axes.grid(axis='y')

    return svg_chart(SIZE, draw, title)


def histogram_chart(edges: np.ndarray, shares: dict[str, np.ndarray], title: str) -> str:
    """Draw overlaid translucent histograms as SVG.

    Args:
        edges: (N + 1,), ascending.
        shares: maps each of `KEYS` to (N,) percent.
        title: text for screen readers.
    """

    def draw(figure):
        axes = figure.subplots()
        for name, values in shares.items():
            axes.stairs(values, edges, fill=True, color=KEYS[name], alpha=0.3)
            axes.stairs(values, edges, color=KEYS[name], linewidth=1.8)
        axes.set(xlim=(edges[0], edges[-1]), xlabel='similarity', ylabel='pairs, %')
        axes.set_ylim(bottom=0)
        axes.locator_params(axis='y', nbins=5)
        axes.grid(axis='y')

    return svg_chart(SIZE, draw, title)
