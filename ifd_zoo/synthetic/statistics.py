"""Statistics of a set, from the rows of its table."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.metadata import Row

NUMBERED = re.compile(r'(?<=\w) \d+$')

QUARTERS = ('front', 'left', 'back', 'right')
"""Sides that a person is seen from: the azimuth rounded to a multiple of 90 degrees."""


class Count(NamedTuple):
    images: int
    people: int
    outfits: int
    cameras: int


class Spread(NamedTuple):
    """Quantiles of a column of numbers."""

    low: float
    """5 % quantile"""
    median: float
    high: float
    """95 % quantile"""


def count_splits(rows: Iterable[Row]) -> dict[str, Count]:
    """Count images, people, outfits and cameras per split, sorted by name."""
    splits: dict[str, list[Row]] = {}
    for row in rows:
        splits.setdefault(row['split'], []).append(row)
    return {
        name: Count(
            images=len(members),
            people=len({row['pid'] for row in members}),
            outfits=len({(row['pid'], row['clothes']) for row in members}),
            cameras=len({row['camera'] for row in members}),
        )
        for name, members in sorted(splits.items())
    }


def label_shares(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Return each label's mean share of the pixels, and the share of the images that contain it."""
    table = np.array([[float(row[f'share_{label}']) for label in LABELS] for row in rows])  # (images, labels)
    shares = zip(table.mean(0).tolist(), (table > 0).mean(0).tolist(), strict=True)
    return dict(zip(LABELS, shares, strict=True))


def count_quarters(rows: Iterable[Row]) -> dict[str, int]:
    """Count images by the side that the person is seen from; the column `azimuth` is in radians."""
    counts = Counter(round(float(row['azimuth']) / (np.pi / 2)) % 4 for row in rows)
    return {name: counts[index] for index, name in enumerate(QUARTERS)}


def summarise_column(rows: Sequence[Row], name: str) -> Spread | dict[str, float]:
    """Return the quantiles of a column of numbers, or the share of each text in a column, most frequent first.

    Numbers after words, as in `shirt 17`, are ignored.
    """
    texts = [NUMBERED.sub('', row[name]) for row in rows if name in row]
    try:
        return Spread(*(float(value) for value in np.quantile([float(text) for text in texts], (0.05, 0.5, 0.95))))
    except ValueError:
        counts = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
        return {text: number / len(texts) for text, number in counts}


def columns(rows: Iterable[Row], prefix: str) -> list[str]:
    return sorted({name for row in rows for name in row if name.startswith(prefix)})


def one_row_each(rows: Iterable[Row], key: Sequence[str]) -> list[Row]:
    """Return the first row of each person (`pid`), of each outfit (`pid`, `clothes`) ..."""
    first: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(tuple(row[name] for name in key), row)
    return list(first.values())
