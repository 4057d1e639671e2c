"""Named random streams: every draw can be repeated on its own, in any order and in any process."""

from zlib import crc32

import numpy as np


def stream(seed: int, *keys: int | str) -> np.random.Generator:
    """Return the generator for a name, as in `stream(seed, 'identity', 7)`; other names give independent streams.

    Args:
        seed: of the whole set; not negative.
        keys: words and non-negative numbers.
    """
    return np.random.default_rng([seed, *(crc32(key.encode()) if isinstance(key, str) else key for key in keys)])
