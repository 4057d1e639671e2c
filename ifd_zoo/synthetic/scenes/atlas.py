"""Cache of painted textures, walls and objects, painted on first use."""

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
"""Number of variants painted of each object; colours and positions also differ from image to image."""
KEPT = 240
"""Paintings kept in memory, about 60 MB; the least recently used one is dropped first."""


class Atlas:
    """Cache of painted variants, which depend only on the seed, the painter, its options and the variant's number.

    Args:
        folder: of all that is painted, shared between processes. Without it, variants dropped from memory are painted
            again, and painting takes a fifth of the time.
    """

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self._seed, self._folder = seed, folder
        self._painted = Recent(KEPT)

    def take(self, rng: np.random.Generator, painter: Callable[..., np.ndarray], *options: Any) -> np.ndarray:
        """Return one of the variants, read-only.

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
            data = BytesIO()  # The error of np.save on a file would not say that the disk is full.
            np.save(data, image)
            try:
                with replacing(path) as temporary:
                    temporary.write_bytes(data.getbuffer())
            except FileNotFoundError:
                pass  # Another run on the same set has just ended and removed the folder.

    def _path(self, key: tuple) -> Path | None:
        return self._folder / f'{"-".join(map(str, key))}.npy' if self._folder else None


@lru_cache(maxsize=1)
def shared_atlas(seed: int, folder: Path | None = None) -> Atlas:
    """Return the atlas that all studios of a set share in this process."""
    return Atlas(seed, folder)
