"""Some rows of an index in one file: embeddings, and of each its name, label and the hash of what it was made from.

The file is in the form of safetensors: `embeddings` (n, D) float16 or float32; `contents` (n, 32) uint8, SHA-256;
and `names` and `labels`, each as the UTF-8 bytes of all texts (uint8) with `..._ends` (n,) int64, where each ends.
Nothing of it need be read but what is asked for, which is what makes a million rows bearable.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from ifd_zoo.choices import STORED
from ifd_zoo.files import hash_file, replacing
from ifd_zoo.index.base import GalleryIndexError

DTYPES = dict(zip(STORED, (np.float16, np.float32), strict=True))
HASH_BYTES = 32
NORM_TOLERANCE = 2e-3  # float16 rounds a unit vector by less
REBUILD = 'restore it from a copy, or build the index again'


class Rows(NamedTuple):
    """Rows in memory."""

    embeddings: np.ndarray
    """(n, D), unit length."""
    contents: np.ndarray
    """(n, 32) uint8."""
    names: Sequence[str]
    labels: Sequence[str]


class Entry(NamedTuple):
    """What the manifest says of a file."""

    file: str
    rows: int
    sha256: str


class Texts:
    """Many short texts without a Python object for each.

    Args:
        data: (bytes,) uint8, all of them one after the other.
        ends: (n,) int64.
    """

    def __init__(self, data: np.ndarray, ends: np.ndarray) -> None:
        self.data, self.ends = data, ends

    def __getitem__(self, row: int) -> str:
        start = self.ends[row - 1] if row else 0
        return self.data[start : self.ends[row]].tobytes().decode('utf-8', 'surrogateescape')

    def __len__(self) -> int:
        return len(self.ends)

    def all(self) -> list[str]:
        data, ends = self.data.tobytes(), self.ends.tolist()
        return [data[a:b].decode('utf-8', 'surrogateescape') for a, b in zip([0, *ends], ends, strict=False)]


class Shard:
    """A file of rows, memory-mapped.

    Args:
        folder: of the index.
        entry: names a file in it.
        dim: D.
        dtype: out of `DTYPES`.

    Raises:
        GalleryIndexError: the file is missing, torn or in another form.
    """

    def __init__(self, folder: Path, entry: Entry, dim: int, dtype: str) -> None:
        self.path, self.entry = folder / entry.file, entry
        tensors = read_tensors(self.path)
        try:
            self.embeddings: Tensor = tensors['embeddings']
            contents = tensors['contents'].numpy()
            parts = [tensors[name].numpy() for name in ('names', 'names_ends', 'labels', 'labels_ends')]
        except KeyError as error:
            raise GalleryIndexError(f'{self.path}: has no {error}; {REBUILD}') from error
        expected = (entry.rows, dim), getattr(torch, DTYPES[dtype].__name__)
        found = tuple(self.embeddings.shape), self.embeddings.dtype
        if found != expected:
            fault = f'embeddings are {found}, not {expected} as the manifest says'
            raise GalleryIndexError(f'{self.path}: {fault}; {REBUILD}')
        if contents.shape != (entry.rows, HASH_BYTES) or contents.dtype != np.uint8:
            raise GalleryIndexError(f'{self.path}: contents are {contents.shape}; {REBUILD}')
        for name, data, ends in (('names', *parts[:2]), ('labels', *parts[2:])):
            if not _fits(data, ends, entry.rows):
                raise GalleryIndexError(f'{self.path}: {name} are not those of {entry.rows} rows; {REBUILD}')
        self.contents = contents
        self.names, self.labels = Texts(*parts[:2]), Texts(*parts[2:])

    def __len__(self) -> int:
        return self.entry.rows

    def verify(self) -> None:
        """Raises GalleryIndexError when the file is not the one that was written, or its rows have no unit length."""
        check_hash(self.path, self.entry.sha256)
        for part in self.embeddings.split(8192):
            lengths = part.float().norm(dim=1)
            if not bool(((lengths - 1).abs() < NORM_TOLERANCE).all()):  # written so that NaN is refused, too
                raise GalleryIndexError(f'{self.path}: embeddings are not of unit length; {REBUILD}')

    def take(self, rows: np.ndarray) -> Rows:
        """Copies of the rows at these positions."""
        embeddings = self.embeddings[torch.from_numpy(rows)].numpy()
        names, labels = ([texts[row] for row in rows] for texts in (self.names, self.labels))
        return Rows(embeddings, self.contents[rows], names, labels)


def write_shard(folder: Path, number: int, rows: Rows, dtype: str) -> Entry:
    """Write a new file; its name depends on its content, so that it never takes the place of another.

    Raises:
        OSError: it cannot be written.
    """
    names, names_ends = _pack(rows.names)
    labels, labels_ends = _pack(rows.labels)
    tensors = {
        'embeddings': np.ascontiguousarray(rows.embeddings, DTYPES[dtype]),
        'contents': np.ascontiguousarray(rows.contents, np.uint8),
        'names': names,
        'names_ends': names_ends,
        'labels': labels,
        'labels_ends': labels_ends,
    }
    return write_tensors(folder, f'{number:06d}', tensors, len(rows.names))


def write_tensors(folder: Path, prefix: str, tensors: dict[str, np.ndarray], rows: int) -> Entry:
    """Write a file whose name ends in the beginning of its hash. Raises OSError when it cannot be written."""
    data = save(tensors)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f'{prefix}-{digest[:16]}.safetensors'
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Entry(path.name, rows, digest)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, memory-mapped. Raises GalleryIndexError when it is missing or torn."""
    try:
        with safe_open(path, 'pt') as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (is no dictionary)
    except (SafetensorError, OSError) as error:
        raise GalleryIndexError(f'{path}: cannot be read ({error}); {REBUILD}') from error


def check_hash(path: Path, sha256: str) -> None:
    """Raises GalleryIndexError when the file cannot be read or has another SHA-256."""
    try:
        found = hash_file(path)
    except OSError as error:
        raise GalleryIndexError(f'{path}: cannot be read ({error}); {REBUILD}') from error
    if found != sha256:
        raise GalleryIndexError(f'{path}: changed since it was written (its SHA-256 is another); {REBUILD}')


def _pack(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [text.encode('utf-8', 'surrogateescape') for text in texts]  # file names need not be UTF-8
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return np.frombuffer(b''.join(encoded), np.uint8), ends


def _fits(data: np.ndarray, ends: np.ndarray, rows: int) -> bool:
    if data.dtype != np.uint8 or data.ndim != 1 or ends.dtype != np.int64 or ends.shape != (rows,):
        return False
    edges = np.concatenate([[0], ends])
    return bool((np.diff(edges) >= 0).all()) and edges[-1] == len(data)
