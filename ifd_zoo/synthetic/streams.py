"""Random numbers by name: every draw can be repeated on its own, in any order and on any process."""

from zlib import crc32

import numpy as np


def stream(seed: int, *keys: int | str) -> np.random.Generator:
    """The generator that belongs to a name, such as `stream(seed, 'identity', 7)`; other names are independent of it.

    Args:
        seed: of the whole set; not negative.
        keys: words, and numbers that are not negative.
    """
    return np.random.default_rng([seed, *(crc32(key.encode()) if isinstance(key, str) else key for key in keys)])
