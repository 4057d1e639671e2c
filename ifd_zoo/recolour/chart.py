"""SVG chart of how similarities move when the clothes change, for pages in a light or dark colour scheme."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ifd_zoo.explain.charts import COLOURS, MARKERS, clean_text, svg_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

WIDTH = 360  # that of a phone, so that the text can be read without scrolling
NAME, LANE, GAP = 20, 15, 8  # heights of a photo's name and of one model's line, and space between gallery photos
NAME_LENGTH = 46  # characters that fit in a line


class Series(NamedTuple):
    """Similarities of one model."""

    name: str
    base: np.ndarray
    """(G,) similarities before a change, in [-1, 1]."""
    changed: np.ndarray
    """(E, G) similarities after each change."""


def movement_chart(names: Sequence[str], series: Sequence[Series], title: str) -> str:
    """Return an SVG chart: by photo and model, a dot before the change, a tick for each change, and a line over all.

    A legend is below the title, and each photo's name above its lines. Text has the colour of the text around the
    chart. The chart's description gives the numbers to those who cannot see it.

    Args:
        names: of the G gallery photos, from top to bottom; any text.
        series: up to `len(COLOURS)` models, for the same photos.
        title: above the plot, and read aloud in place of the chart.

    Raises:
        ValueError: there is no photo, no model or too many, shapes do not match, or a similarity is not finite.
    """
    _check(names, series)
    span = NAME + LANE * len(series) + GAP
    notes = {f'photo{index}': _sentence(name, series, index) for index, name in enumerate(names)}

    def draw(figure):
        axes = figure.subplots()
        for index, (gid, name) in enumerate(zip(notes, names, strict=True)):
            top = span * index + NAME
            axes.text(0, top - 6, clean_text(name, NAME_LENGTH), transform=axes.get_yaxis_transform(), gid=gid)
            lanes = enumerate(series)
            dots = [_draw_lane(axes, one, index, top + LANE * (place + 0.5), place) for place, one in lanes]
            for dot in dots:
                dot.set_gid(gid)
        _draw_legend(axes, dots, [one.name for one in series], title)
        _draw_axis(axes, np.concatenate([np.vstack([one.base, one.changed]).ravel() for one in series]))
        axes.set(ylim=(span * len(names), 0), yticks=[])

    size = WIDTH, 80 + 18 * len(series) + span * len(names)
    return svg_chart(size, draw, title, ' '.join(notes.values()), notes)


def _check(names: Sequence[str], series: Sequence[Series]) -> None:
    if len(names) == 0 or not 1 <= len(series) <= len(COLOURS):
        raise ValueError(f'give at least one photo, and one to {len(COLOURS)} models')
    for one in series:
        if np.shape(one.base) != (len(names),) or np.ndim(one.changed) != 2 or np.shape(one.changed)[1] != len(names):
            shapes = f'{np.shape(one.base)} before and {np.shape(one.changed)} after the changes'
            raise ValueError(f'{one.name}: similarities of shape {shapes} for {len(names)} photos')
        if not (np.isfinite(one.base).all() and np.isfinite(one.changed).all()):
            raise ValueError(f'{one.name}: a similarity is not finite')


def _draw_lane(axes: 'Axes', one: Series, index: int, y: float, place: int) -> 'Line2D':
    """Draw the line, ticks and dot of one model for one photo; return the dot."""
    colour, base, changed = COLOURS[place], one.base[index], one.changed[:, index]
    ends = min([base, *changed]), max([base, *changed])
    axes.plot(ends, [y, y], color=colour, linewidth=3, alpha=0.45)
    axes.plot(changed, [y] * len(changed), '|', color=colour, markersize=8, markeredgewidth=1.5, alpha=0.8)
    (dot,) = axes.plot([base], [y], MARKERS[place], color=colour, markersize=8)
    return dot


def _draw_legend(axes: 'Axes', dots: Sequence['Line2D'], names: Sequence[str], title: str) -> None:
    place = {'loc': 'lower left', 'bbox_to_anchor': (0, 1), 'borderpad': 0, 'borderaxespad': 0.6}
    labels = [clean_text(name, NAME_LENGTH) for name in names]
    legend = axes.legend(dots, labels, alignment='left', handlelength=1, frameon=False, **place)
    legend.set_title(clean_text(title), {'weight': 'bold', 'size': 14})


def _draw_axis(axes: 'Axes', values: np.ndarray) -> None:
    low, high = values.min(), values.max()
    room = max(0.05 * (high - low), 0.005)  # the tick labels of a narrower axis would have many digits
    axes.set(xlim=(low - room, high + room), xlabel='similarity')
    axes.locator_params(axis='x', nbins=6)
    axes.grid(axis='x')
    axes.spines['bottom'].set_visible(False)


def _sentence(name: str, series: Sequence[Series], index: int) -> str:
    """Return the numbers of one photo as a sentence."""
    parts = []
    for one in series:
        text = f'{one.name} {one.base[index]:.3f}'
        if len(one.changed):
            text += f', in other clothes {one.changed[:, index].min():.3f} to {one.changed[:, index].max():.3f}'
        parts.append(text)
    return f'{name}: {"; ".join(parts)}.'
