"""Painted textures, walls and things, each made once in a process when it is first needed."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ifd_zoo.synthetic.streams import stream

VARIANTS = 10
"""Of everything that is painted; colours and places differ further from picture to picture."""


class Atlas:
    """What a variant looks like hangs on the seed, the painter's name and its number alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._painted: dict[tuple, np.ndarray] = {}

    def take(self, rng: np.random.Generator, painter: Callable[..., np.ndarray], *options: Any) -> np.ndarray:
        """One of the variants; not to be written to."""
        key = (painter.__name__, *options, int(rng.integers(VARIANTS)))
        if key not in self._painted:
            image = painter(stream(self._seed, 'texture', *key), *options)
            image.setflags(write=False)
            self._painted[key] = image
        return self._painted[key]


@lru_cache(maxsize=1)
def shared_atlas(seed: int) -> Atlas:
    """The process's own: all studios of a set draw from it."""
    return Atlas(seed)
