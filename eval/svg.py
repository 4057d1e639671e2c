"""Small charts as SVG text, to stand in a page: its style sheet gives the colours, by the names of the classes."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 42  # room for the texts around the plot
STEPS = (1, 2, 2.5, 5, 10)


class Axes(NamedTuple):
    """Ranges, from low to high, that fill the plot."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> str:
        """Coordinates in the picture, as `12.5,30.0`."""
        right = LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)
        return f'{right:.1f},{down:.1f}'


def curve_chart(values: Sequence[float], title: str, marks: Sequence[int]) -> str:
    """Percent over ranks from 1 on.

    Args:
        values: percent at rank 1, 2, ...; two at least.
        title: read aloud in place of the picture.
        marks: ranks with a dot and a number beside it; those beyond the values are left out.
    """
    axes = Axes((1, len(values)), (0, 100))
    points = [axes.place(rank, value) for rank, value in enumerate(values, 1)]
    dots = [mark for mark in marks if mark <= len(values)]
    body = [_frame(axes, sorted({*dots, len(values)}), range(0, 101, 20), ('rank', 'queries answered, %'))]
    body.append(f'<polyline class="line" points="{" ".join(points)}"/>')
    for rank in dots:
        x, y = points[rank - 1].split(',')
        below = values[rank - 1] > 15  # a curve that rises is not there; close to the axis there is no room
        anchor = 'end' if rank == len(values) else 'start' if rank == 1 else 'middle'
        body.append(f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>')
        body.append(_text(float(x), float(y) + (19 if below else -10), f'{values[rank - 1]:.1f}', anchor, 'value'))
    return _picture(body, title)


def histogram_chart(edges: np.ndarray, shares: dict[str, np.ndarray], title: str) -> str:
    """Bars over one another, seen through.

    Args:
        edges: (N + 1,), rising.
        shares: class name of each series to (N,) percent.
        title: read aloud in place of the picture.
    """
    ticks = nice_ticks(max(float(np.max(values)) for values in shares.values()))
    axes = Axes((float(edges[0]), float(edges[-1])), (0, ticks[-1]))
    low, high = axes.x
    step = nice_ticks(high - low, 8)[1]
    whole = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    across = [float(tick) for tick in whole * step]
    body = [_frame(axes, across, ticks, ('similarity', 'pairs, %'))]
    for name, values in shares.items():
        corners = [axes.place(low, 0)]
        for left, right, value in zip(edges[:-1], edges[1:], values, strict=True):
            corners += [axes.place(left, value), axes.place(right, value)]
        corners.append(axes.place(high, 0))
        body.append(f'<polygon class="area {escape(name)}" points="{" ".join(corners)}"/>')
    return _picture(body, title)


def nice_ticks(top: float, most: int = 5) -> list[float]:
    """0, step, 2 step ... up to the first at or above `top`, with at most `most` steps of a round size."""
    if top <= 0:
        return [0.0, 1.0]
    size = 10.0 ** np.floor(np.log10(top / most))
    step = next(size * factor for factor in STEPS if size * factor * most >= top * (1 - 1e-9))
    return [float(step * index) for index in range(int(np.ceil(top / step - 1e-9)) + 1)]


def _frame(axes: Axes, across: Sequence[float], up: Sequence[float], labels: tuple[str, str]) -> str:
    """Grid, numbers at both axes, and what they are of."""
    parts = []
    for tick in up:
        start, end = axes.place(axes.x[0], tick).split(','), axes.place(axes.x[1], tick).split(',')
        parts.append(f'<line class="grid" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>')
        parts.append(_text(LEFT - 7, float(start[1]) + 4, f'{tick:g}', 'end'))
    for tick in across:
        x, y = map(float, axes.place(tick, axes.y[0]).split(','))
        parts.append(_text(x, y + 17, f'{round(tick, 6) + 0.0:g}', 'middle'))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, labels[0], 'middle', 'label'))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="label" text-anchor="middle" transform="translate(12 {middle:.1f}) rotate(-90)">'
        f'{escape(labels[1])}</text>'
    )
    return ''.join(parts)


def _text(x: float, y: float, text: str, anchor: str, name: str = 'tick') -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _picture(body: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f'<title>{escape(title)}</title>{"".join(body)}</svg>'
    )
