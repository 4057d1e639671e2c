"""Embeddings in parts on disk, so that a long extraction that is stopped loses one part at most."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ifd_zoo.datasets import DatasetError, Record
from ifd_zoo.files import replacing


class Part(NamedTuple):
    """What is known of the images of a shard."""

    rows: np.ndarray
    """(n,) int64: positions in the selection of the images that have an embedding, ascending."""
    embeddings: np.ndarray
    """(n, D) float32."""
    unreadable: dict[int, str]
    """Positions of the other images, and why they have none."""


class Shard(NamedTuple):
    """Images `start` to `stop` of the selection, and the file that gets their embeddings."""

    path: Path
    start: int
    stop: int
    key: str
    """Hash of all that decides what is in the file: of the setting, and of the images' paths, sizes and times."""

    def write(self, part: Part) -> None:
        """Raises OSError or SafetensorError when the file cannot be written."""
        tensors = {'rows': part.rows, 'embeddings': part.embeddings}
        metadata = {'key': self.key, 'digest': _digest(part), 'unreadable': json.dumps(part.unreadable)}
        with replacing(self.path) as temporary:
            save_file(tensors, temporary, metadata)

    def read(self) -> Part | None:
        """None when there is no file, or it is torn or of other images or another setting."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, 'np') as file:
                metadata = file.metadata() or {}
                rows, embeddings = file.get_tensor('rows'), file.get_tensor('embeddings')
            unreadable = {int(row): reason for row, reason in json.loads(metadata['unreadable']).items()}
        except (SafetensorError, OSError, ValueError, KeyError):
            return None
        part = Part(rows, embeddings, unreadable)
        return part if (metadata['key'], metadata['digest']) == (self.key, _digest(part)) else None


def plan_shards(folder: Path, records: Sequence[Record], root: Path, setting: dict[str, Any], size: int) -> list[Shard]:
    """Shards of `size` images each.

    Args:
        folder: of the shards.
        records: images below `root`; the state of their files, and of label maps that they have, counts.
        setting: JSON values: all else that decides what the embeddings are.
    """
    stamps = [[r.path.relative_to(root).as_posix(), stamp(r.path), stamp(r.label_map)] for r in records]
    shards = []
    for number, start in enumerate(range(0, len(records), size)):
        chosen = stamps[start : start + size]
        key = hashlib.sha256(json.dumps([setting, start, chosen], sort_keys=True).encode()).hexdigest()
        shards.append(Shard(folder / f'{number:06d}.safetensors', start, start + len(chosen), key))
    return shards


def read_parts(shards: Sequence[Shard]) -> Part:
    """All shards as one part.

    Raises:
        DatasetError: one of them cannot be used, or no image at all could be read.
    """
    parts = []
    for shard in shards:
        part = shard.read()
        if part is None:
            advice = 'run the command again, on several machines with a folder that all of them share'
            raise DatasetError(f'{shard.path}: missing or damaged since it was written; {advice}')
        parts.append(part)
    unreadable = {row: reason for part in parts for row, reason in part.unreadable.items()}
    filled = [part for part in parts if len(part.rows)]
    if not filled:
        raise DatasetError(f'none of {len(unreadable)} images can be read; the first: {unreadable[0]}')
    rows, embeddings = (np.concatenate([getattr(p, name) for p in filled]) for name in ('rows', 'embeddings'))
    return Part(rows, embeddings, unreadable)


def _digest(part: Part) -> str:
    texts = json.dumps(part.unreadable).encode()
    return hashlib.sha256(part.rows.tobytes() + part.embeddings.tobytes() + texts).hexdigest()


def stamp(path: Path | None) -> list[int] | None:
    """What changes when a file does; None for a file that is not there."""
    if path is None or not path.exists():
        return None
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
