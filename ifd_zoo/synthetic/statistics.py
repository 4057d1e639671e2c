"""What is in a set, counted over the rows of its table."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.metadata import Row

NUMBERED = re.compile(r'(?<=\w) \d+$')

QUARTERS = ('front', 'left', 'back', 'right')
"""Side from which a picture shows the person, by the azimuth's multiple of 90 degrees that is nearest."""


class Count(NamedTuple):
    images: int
    people: int
    outfits: int
    cameras: int


class Spread(NamedTuple):
    """How a column of numbers is spread."""

    low: float
    """5 % of the rows lie below."""
    median: float
    high: float
    """5 % of the rows lie above."""


def count_splits(rows: Iterable[Row]) -> dict[str, Count]:
    """Numbers by split, in order of the names."""
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
    """For each label its mean share of the pixels, and the share of the images that it is in."""
    table = np.array([[float(row[f'share_{label}']) for label in LABELS] for row in rows])  # (images, labels)
    shares = zip(table.mean(0).tolist(), (table > 0).mean(0).tolist(), strict=True)
    return dict(zip(LABELS, shares, strict=True))


def count_quarters(rows: Iterable[Row]) -> dict[str, int]:
    """Images by the side that the person is seen from; the column `azimuth` is in radians."""
    counts = Counter(round(float(row['azimuth']) / (np.pi / 2)) % 4 for row in rows)
    return {name: counts[index] for index, name in enumerate(QUARTERS)}


def summarise_column(rows: Sequence[Row], name: str) -> Spread | dict[str, float]:
    """The spread of a column of numbers, or the share of each word in a column of words, most frequent first.

    Numbers after words, as in `shirt 17`, are left out.
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
    """The first row of each person (`pid`), or of each outfit (`pid`, `clothes`) ..."""
    first: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(tuple(row[name] for name in key), row)
    return list(first.values())
