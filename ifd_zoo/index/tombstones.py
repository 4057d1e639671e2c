"""Rows that were removed: their positions in a file of their own, so that the shards need not be written again."""

from pathlib import Path

import numpy as np
import torch

from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.manifest import Manifest
from ifd_zoo.index.shard import REBUILD, Entry, check_hash, read_tensors, write_tensors


def write_removed(folder: Path, rows: np.ndarray) -> Entry:
    """Write the positions (r,) of removed rows. Raises OSError."""
    return write_tensors(folder, 'removed', {'rows': rows.astype(np.int64)}, len(rows))


def read_removed(folder: Path, manifest: Manifest, verify: bool) -> np.ndarray:
    """(N,) bool: which rows are not removed.

    Raises:
        GalleryIndexError: the file is missing or damaged.
    """
    alive = np.ones(manifest.rows, bool)
    if manifest.removed is None:
        return alive
    path = folder / manifest.removed.file
    if verify:
        check_hash(path, manifest.removed.sha256)
    rows = read_tensors(path).get('rows')
    fits = rows is not None and rows.dtype == torch.int64 and rows.shape == (manifest.removed.rows,)
    if not fits or int(rows.min()) < 0 or int(rows.max()) >= len(alive):
        raise GalleryIndexError(f'{path}: has no positions of removed rows of this index; {REBUILD}')
    alive[rows.numpy()] = False
    return alive
