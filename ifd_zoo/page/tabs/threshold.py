"""Meaning of a similarity threshold: how many pairs of different people among the examples reach it."""

from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np

from ifd_zoo.gallery import PhotoFile, example_photos
from ifd_zoo.page.files import plain
from ifd_zoo.page.models import Models
from ifd_zoo.page.tabs.rank_state import OFF
from ifd_zoo.uploads import Mark, mark, read_label

RARE = 100
"""At most one in this many pairs of different people reaches the suggested threshold."""


def different_people(models: Models, model: str) -> np.ndarray:
    """Return the similarities of all pairs of different people among the example photos, ascending."""
    files = [PhotoFile(path, Path(path).name) for kind in ('query', 'gallery') for path in example_photos(kind)]
    predictor = models.get(model)
    with models.busy:
        embeddings = models.embed(predictor, files, lambda done: None).embeddings
    first, second = np.array(_pairs(tuple(file.name for file in files))).T
    return np.sort((embeddings[first] * embeddings[second]).sum(1))


@lru_cache(maxsize=1)
def _pairs(names: tuple[str, ...]) -> list[tuple[int, int]]:
    labels = [read_label(name) for name in names]
    return [pair for pair in combinations(range(len(names)), 2) if mark(*(labels[i] for i in pair)) == Mark.WRONG]


def calibrated(models: Models, model: str) -> float:
    """Return a threshold, to two decimals, that at most one in `RARE` pairs of different people reaches."""
    known = different_people(models, model)
    return min(1.0, float(np.floor(100 * known[-(len(known) // RARE) - 1] + 1)) / 100)


def describe_threshold(models: Models, model: str | None, threshold: float) -> str:
    """Explain a threshold in Markdown."""
    if model is None:
        return 'Search first; then a threshold that different people seldom reach is suggested.'
    if threshold <= OFF:
        return 'No threshold: move the slider to set one.'
    known = different_people(models, model)
    count = int((known >= threshold).sum())
    share = f'{count} of {len(known)} pairs of different people ({100 * count / len(known):.1f} %)'
    return f'Among the example photos, {share} reach {threshold:.2f} with {plain(model)}. Other photos may differ.'
