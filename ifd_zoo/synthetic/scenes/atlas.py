"""Painted textures, walls and things, made when they are first needed, and kept."""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ifd_zoo.common.files import replacing
from ifd_zoo.common.recent import Recent
from ifd_zoo.synthetic.streams import stream

VARIANTS = 30
"""Number of each thing that is painted; colours and places differ further from picture to picture."""
KEPT = 240
"""Pictures that stay in memory, about 60 MB; the one that was not used for longest leaves first."""


class Atlas:
    """What a variant looks like hangs on the seed, the painter's name and its number alone.

    Args:
        folder: where all that is painted is kept, for processes to share; without it what left the memory is painted
            again. A fifth of the time goes into painting when there is none.
    """

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self._seed, self._folder = seed, folder
        self._painted = Recent(KEPT)

    def take(self, rng: np.random.Generator, painter: Callable[..., np.ndarray], *options: Any) -> np.ndarray:
        """One of the variants; not to be written to.

        Raises:
            OSError: the folder cannot be read or written.
        """
        key = (painter.__name__, *options, int(rng.integers(VARIANTS)))
        image = self._painted.get(key)
        if image is None:
            image = self._read(key)
            if image is None:
                image = painter(stream(self._seed, 'texture', *key), *options)
                self._write(key, image)
            image.setflags(write=False)
            self._painted[key] = image
        return image

    def _read(self, key: tuple) -> np.ndarray | None:
        path = self._path(key)
        try:
            return np.load(path) if path else None
        except FileNotFoundError:
            return None

    def _write(self, key: tuple, image: np.ndarray) -> None:
        if path := self._path(key):
            data = BytesIO()  # What numpy raises when a file cannot grow does not say that the disk is full.
            np.save(data, image)
            try:
                with replacing(path) as temporary:
                    temporary.write_bytes(data.getbuffer())
            except FileNotFoundError:
                pass  # Another run over the same set has ended just now, and took the folder with it.

    def _path(self, key: tuple) -> Path | None:
        return self._folder / f'{"-".join(map(str, key))}.npy' if self._folder else None


@lru_cache(maxsize=1)
def shared_atlas(seed: int, folder: Path | None = None) -> Atlas:
    """The process's own: all studios of a set draw from it."""
    return Atlas(seed, folder)
