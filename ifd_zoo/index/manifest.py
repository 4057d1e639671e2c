"""`manifest.json`: the one file that says what belongs to an index. To replace it is to change the index."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifd_zoo.files import replacing
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.shard import DTYPES, Entry

MANIFEST = 'manifest.json'
FORMAT, VERSION = 'ifd_zoo.index', 1
FILE = re.compile(r'([0-9]{6,}|removed)-[0-9a-f]{16}\.safetensors')
SHA256 = re.compile(r'[0-9a-f]{64}')
MAX_DIM = 1 << 16


@dataclass(frozen=True)
class Manifest:
    key: dict[str, Any]
    dim: int
    dtype: str
    """Type of the embeddings, out of `DTYPES`."""
    shards: tuple[Entry, ...] = field(default=())
    removed: Entry | None = None
    """The file with the positions of the rows that are not there any more."""

    @property
    def rows(self) -> int:
        """With those that were removed."""
        return sum(entry.rows for entry in self.shards)

    def files(self) -> set[str]:
        return {entry.file for entry in (*self.shards, *filter(None, [self.removed]))}

    def dumps(self) -> str:
        values = {
            'format': FORMAT,
            'version': VERSION,
            'key': self.key,
            'dim': self.dim,
            'dtype': self.dtype,
            'removed': self.removed and self.removed._asdict(),
            'shards': [entry._asdict() for entry in self.shards],
        }
        return json.dumps(values, indent=1) + '\n'

    def write(self, folder: Path) -> None:
        """Raises OSError."""
        with replacing(folder / MANIFEST) as temporary:
            temporary.write_text(self.dumps())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index.

    Raises:
        GalleryIndexError: there is none, or it does not describe an index whose files are in that folder.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise GalleryIndexError(f'{folder}: no index here (no {MANIFEST}); build one, or give another folder')
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise GalleryIndexError(f'{path}: is not JSON ({error}); restore it, or build the index again') from error
    try:
        return _parse(values)
    except (KeyError, TypeError, ValueError) as error:
        reason = f'has no field {error}' if isinstance(error, KeyError) else str(error)
        raise GalleryIndexError(f'{path}: {reason}; restore it, or build the index again') from error


def _parse(values: Any) -> Manifest:
    _require(isinstance(values, dict) and values.get('format') == FORMAT, 'is not the manifest of an index')
    version = values.get('version')
    _require(version == VERSION, f'is of version {version}, and this program reads {VERSION}')
    key, dim, dtype = values['key'], values['dim'], values['dtype']
    _require(isinstance(key, dict), 'key is not an object')
    _require(type(dim) is int and 0 < dim <= MAX_DIM, f'dim is {dim!r}')
    _require(isinstance(dtype, str) and dtype in DTYPES, f'dtype is {dtype!r}, not one of {", ".join(DTYPES)}')
    _require(isinstance(values['shards'], list), 'shards is not a list')
    shards = tuple(_entry(one) for one in values['shards'])
    removed = None if values['removed'] is None else _entry(values['removed'])
    manifest = Manifest(key, dim, dtype, shards, removed)
    _require(len(manifest.files()) == len(shards) + bool(removed), 'names a file twice')
    return manifest


def _entry(values: Any) -> Entry:
    _require(isinstance(values, dict), 'a shard is not an object')
    entry = Entry(values['file'], values['rows'], values['sha256'])
    named = isinstance(entry.file, str) and FILE.fullmatch(entry.file)
    _require(bool(named), f'names the file {entry.file!r}, which is none of an index (and must be in its folder)')
    _require(type(entry.rows) is int and 0 < entry.rows < 1 << 40, f'rows of {entry.file} are {entry.rows!r}')
    hashed = isinstance(entry.sha256, str) and SHA256.fullmatch(entry.sha256)
    _require(bool(hashed), f'sha256 of {entry.file} is {entry.sha256!r}')
    return entry


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)
