"""The file that an extraction ends in: all parts joined, with what they were made of."""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from eval.selection import Selection
from eval.shards import Part, Shard

LABELS = ('pid', 'camid', 'clothes_id')


def joined_key(shards: Sequence[Shard]) -> str:
    """Hash of all that decides what is in the file."""
    return hashlib.sha256(''.join(shard.key for shard in shards).encode()).hexdigest()


def finished_rows(path: Path, key: str) -> tuple[int, int] | None:
    """How many images have an embedding in a file, and how many have none; None when it is not the one of that key."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, 'np') as file:
            metadata = file.metadata() or {}
            if json.loads(metadata['key']) != key:
                return None
            return file.get_slice('embeddings').get_shape()[0], len(json.loads(metadata['unreadable']))
    except (SafetensorError, OSError, ValueError, KeyError):
        return None  # another file, which is replaced


def write_joined(path: Path, selection: Selection, part: Part, info: dict[str, Any]) -> str:
    """Write the file; returns what to print.

    Args:
        info: JSON values for the metadata.
    """
    records = [selection.records[row] for row in part.rows]
    tensors = {'embeddings': part.embeddings}
    if selection.splits:
        for name in LABELS:
            tensors[name] = np.array([getattr(record, name) for record in records], dtype=np.int64)
    relative = [record.path.relative_to(selection.root).as_posix() for record in selection.records]
    values = {
        **info,
        'paths': [relative[row] for row in part.rows],
        'splits': selection.splits and [selection.splits[row] for row in part.rows],
        'unreadable': [{'path': relative[row], 'reason': reason} for row, reason in part.unreadable.items()],
    }
    save_file(tensors, path, {key: json.dumps(value) for key, value in values.items()})
    _sort_metadata(path)
    for reason in part.unreadable.values():
        print(f'left out: {reason}', file=sys.stderr)
    left_out = f'{len(part.unreadable)} of {len(relative)} images could not be read and are left out'
    number, length = part.embeddings.shape
    return f'{number} embeddings of length {length}; {left_out if part.unreadable else "no image left out"}'


def _sort_metadata(path: Path) -> None:
    """Bring the metadata into one order, so that the same content gives the same bytes; safetensors draws it by lot."""
    with path.open('r+b') as file:
        length = int.from_bytes(file.read(8), 'little')
        header = json.loads(file.read(length))
        header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
        text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode().ljust(length)
        if len(text) != length:
            raise OSError(f'{path}: its header has {length} bytes and should have {len(text)}')
        file.seek(8)
        file.write(text)
