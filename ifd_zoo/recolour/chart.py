"""How similarities move when the clothes change, as SVG text for a page of either colour scheme."""

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

WIDTH = 360  # that of a phone, where its text is read without scrolling
SIDE, BOTTOM = 16, 40  # room for the texts around the plot
TITLE, LINE = 26, 18  # heights of the title, and of a model in the legend
NAME, LANE, GAP = 16, 15, 10  # heights of a photo's name and of one model's line, and space between gallery photos
NAME_LENGTH = 46  # characters that fit in a line
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
COLOURS = ('#2f81d8', '#d97700', '#2c9a57')
"""Of the first, second and third model; each has a contrast of 3 at least to white and to black."""

# What XML has no way to write; file names may hold it.
UNWRITABLE = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')


class Series(NamedTuple):
    """One model."""

    name: str
    base: np.ndarray
    """(G,) similarities before a change, in [-1, 1]."""
    changed: np.ndarray
    """(E, G) similarities after each change."""


def movement_chart(names: Sequence[str], series: Sequence[Series], title: str) -> str:
    """For each gallery photo and model a dot at the similarity before, a tick for each change, and a line over all.

    Below the title is a legend, above a photo's lines its name. Text has the colour of the text around the picture. The
    numbers are in its description, for who cannot see it.

    Args:
        names: of the G gallery photos, from top to bottom; any text.
        series: up to `len(COLOURS)` models, for the same photos.
        title: above the plot, and read aloud in place of the picture.

    Raises:
        ValueError: there is no photo, or no model, or too many, or their numbers do not fit together.
    """
    _check(names, series)
    low, high, ticks = _range(np.concatenate([np.vstack([one.base, one.changed]).ravel() for one in series]))
    span = NAME + LANE * len(series) + GAP
    start = TITLE + LINE * len(series) + 14  # of the plot
    height = start + span * len(names) + BOTTOM
    lines = [_sentence(name, series, index) for index, name in enumerate(names)]
    heading = f'<g font-size="14" font-weight="600">{_text(SIDE, 18, title, "start")}</g>'
    body = [heading, _legend(series), _frame(ticks, (low, high), (start, height))]
    for index, (name, line) in enumerate(zip(names, lines, strict=True)):
        top = start + span * index + GAP / 2 + NAME
        lanes = [_lane(one, index, (low, high), top + LANE * (place + 0.5), place) for place, one in enumerate(series)]
        label = _text(SIDE, top - 4, _short(name), 'start')
        body.append(f'<g><title>{_safe(line)}</title>{label}{"".join(lanes)}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
        f'fill="currentColor" font-family="system-ui, DejaVu Sans, sans-serif" font-size="12">'
        f'<title>{_safe(title)}</title><desc>{_safe(" ".join(lines))}</desc>{"".join(body)}</svg>'
    )


def _check(names: Sequence[str], series: Sequence[Series]) -> None:
    if len(names) == 0 or not 1 <= len(series) <= len(COLOURS):
        raise ValueError(f'give one photo at least, and one to {len(COLOURS)} models')
    for one in series:
        if np.shape(one.base) != (len(names),) or np.ndim(one.changed) != 2 or np.shape(one.changed)[1] != len(names):
            shapes = f'{np.shape(one.base)} before and {np.shape(one.changed)} after the changes'
            raise ValueError(f'{one.name}: similarities of shape {shapes} for {len(names)} photos')
        if not (np.isfinite(one.base).all() and np.isfinite(one.changed).all()):
            raise ValueError(f'{one.name}: a similarity is not finite')


def _range(values: np.ndarray) -> tuple[float, float, list[float]]:
    """Both ends of the axis, and round numbers between them."""
    low, high = float(values.min()), float(values.max())
    step = next((step for step in STEPS if high - low <= 6 * step), STEPS[-1])
    first, last = int(np.floor(low / step + 1e-6)), int(np.ceil(high / step - 1e-6))
    last = max(last, first + 1)
    return first * step, last * step, [index * step for index in range(first, last + 1)]


def _place(value: float, ends: tuple[float, float]) -> float:
    return SIDE + (float(value) - ends[0]) / (ends[1] - ends[0]) * (WIDTH - 2 * SIDE)


def _lane(one: Series, index: int, ends: tuple[float, float], y: float, place: int) -> str:
    """Line, ticks and dot of one model for one photo."""
    base, changed = _place(one.base[index], ends), [_place(value, ends) for value in one.changed[:, index]]
    ticks = ''.join(f'M{x:.1f} {y - 4:.1f}v8' for x in changed)
    low, high = min([base, *changed]), max([base, *changed])
    return (
        f'<g stroke="{COLOURS[place]}" stroke-width="1.5">'
        f'<path d="M{low:.1f} {y:.1f}H{high:.1f}" stroke-width="3" opacity=".45"/><path d="{ticks}" opacity=".8"/>'
        f'{_mark(base, y, place)}</g>'
    )


def _mark(x: float, y: float, place: int) -> str:
    """A dot, for the second model a square and for the third a diamond: they differ without their colours."""
    if place == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{COLOURS[0]}"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if place == 2 else ''
    return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{COLOURS[place]}"{turn}/>'


def _legend(series: Sequence[Series]) -> str:
    lines = [TITLE + LINE * (place + 0.5) for place in range(len(series))]
    return ''.join(
        _mark(SIDE + 5, y, place) + _text(SIDE + 16, y + 4, _short(one.name), 'start')
        for place, (one, y) in enumerate(zip(series, lines, strict=True))
    )


def _frame(ticks: Sequence[float], ends: tuple[float, float], rows: tuple[int, int]) -> str:
    start, height = rows
    parts = []
    for tick in ticks:
        x = _place(tick, ends)
        parts.append(f'<path d="M{x:.1f} {start - 6}V{height - BOTTOM}" stroke="currentColor" opacity=".18"/>')
        parts.append(_text(x, height - BOTTOM + 16, f'{round(tick, 6) + 0.0:g}', 'middle'))
    parts.append(_text(WIDTH / 2, height - 5, 'similarity', 'middle'))
    return ''.join(parts)


def _sentence(name: str, series: Sequence[Series], index: int) -> str:
    """The numbers of one photo in words."""
    parts = []
    for one in series:
        text = f'{one.name} {one.base[index]:.3f}'
        if len(one.changed):
            text += f', in other clothes {one.changed[:, index].min():.3f} to {one.changed[:, index].max():.3f}'
        parts.append(text)
    return f'{name}: {"; ".join(parts)}.'


def _short(name: str) -> str:
    half = NAME_LENGTH // 2
    return name if len(name) <= NAME_LENGTH else f'{name[:half]}\u2026{name[1 - half :]}'


def _safe(text: str) -> str:
    return escape(UNWRITABLE.sub('\ufffd', text))


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_safe(text)}</text>'
