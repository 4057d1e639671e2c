"""Rows and queries that an index can take."""

from collections.abc import Sequence

import numpy as np

from ifd_zoo.index.shard import HASH_BYTES, NORM_TOLERANCE, Rows


def checked_rows(
    names: Sequence[str], embeddings: np.ndarray, contents: Sequence[bytes], labels: Sequence[str], dim: int
) -> Rows:
    """Rows for an index; arguments and errors as of `GalleryIndex.add`."""
    if embeddings.shape != (len(names), dim):
        raise ValueError(f'{len(names)} names with embeddings {embeddings.shape}; give one row of {dim} for each')
    if len(contents) != len(names) or len(labels) != len(names):
        raise ValueError(f'{len(names)} names, {len(contents)} contents and {len(labels)} labels')
    if len(set(names)) != len(names):
        raise ValueError('a name is there twice; give each once')
    if any(len(content) != HASH_BYTES for content in contents):
        raise ValueError(f'a content is no SHA-256 of {HASH_BYTES} bytes')
    require_unit_length(embeddings, 'an embedding')
    return Rows(embeddings, np.frombuffer(b''.join(contents), np.uint8).reshape(-1, HASH_BYTES), names, labels)


def require_unit_length(vectors: np.ndarray, what: str) -> None:
    """Raises ValueError when one of the vectors (n, D) has another length, or is not finite; `what` names it."""
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < NORM_TOLERANCE / 2).all():  # written so that NaN is refused, too
        raise ValueError(f'{what} is not of unit length, or not finite; divide it by its norm')
