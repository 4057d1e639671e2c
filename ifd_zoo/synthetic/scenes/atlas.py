"""Painted textures, walls and things, made when they are first needed and kept for a while."""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ifd_zoo.synthetic.streams import stream

VARIANTS = 30
"""Of everything that is painted; colours and places differ further from picture to picture."""
KEPT = 240
"""Pictures that stay in memory, about 60 MB; the one that was not used for longest is painted again when needed."""


class Atlas:
    """What a variant looks like hangs on the seed, the painter's name and its number alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._painted: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def take(self, rng: np.random.Generator, painter: Callable[..., np.ndarray], *options: Any) -> np.ndarray:
        """One of the variants; not to be written to."""
        key = (painter.__name__, *options, int(rng.integers(VARIANTS)))
        if key not in self._painted:
            image = painter(stream(self._seed, 'texture', *key), *options)
            image.setflags(write=False)
            self._painted[key] = image
            if len(self._painted) > KEPT:
                self._painted.popitem(last=False)
        self._painted.move_to_end(key)
        return self._painted[key]


@lru_cache(maxsize=1)
def shared_atlas(seed: int) -> Atlas:
    """The process's own: all studios of a set draw from it."""
    return Atlas(seed)
