"""The LanceDB tables of an index, one for each model and setting, and their rows."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ifd_zoo.common.errors import first_line
from ifd_zoo.index.base import GalleryIndexError

KEY = b'ifd_zoo.key'
"""Metadata key of a table: the index key of its embeddings."""
REBUILD = 'restore it from a copy, or build the index again'
AGAIN = 'earlier writes are intact; fix this and run the same command again'
MOST_TABLES = 10_000


class Row(NamedTuple):
    """Columns of an index beside the embedding of an image; pid and camid are empty if unknown."""

    name: str
    pid: str
    camid: str
    time: datetime
    """Time of the image with its time zone, in whole seconds."""
    sha256: str
    """Hash of the image file, in hexadecimal digits."""


@contextmanager
def explain_errors(address: str, advice: str = REBUILD) -> Iterator[None]:
    """Turn LanceDB's errors into a one-line GalleryIndexError that says what to do."""
    try:
        yield
    except GalleryIndexError:
        raise
    except (RuntimeError, ValueError, OSError) as error:  # LanceDB has no exceptions of its own
        reason = first_line(error).removeprefix('lance error: ').split(', /')[0]  # without the place in its source code
        raise GalleryIndexError(f'{address}: {reason}; {advice}') from error


def connect(place: str | Path, make: bool = False) -> tuple[str, Any, list[str]]:
    """Connect to an index; return its address, its database and the names of its tables.

    Args:
        place: a folder, or an address that LanceDB accepts, such as s3://bucket/folder.
        make: create an index where there is none; otherwise that is an error.

    Raises:
        GalleryIndexError: it cannot be read or created, or has an old format.
    """
    import lancedb

    folder = None if '://' in str(place) else Path(place).expanduser()
    address = str(folder or place)
    if folder and (folder / 'manifest.json').is_file():
        anew = f'python -m ifd_zoo.index build --index {address} --images DIR'
        raise GalleryIndexError(f'{address}: is an index in an old format; delete the folder and build again: {anew}')
    names = []
    if make or not folder or folder.is_dir():
        with explain_errors(address, 'give a folder that can be read and written, or an address such as s3://bucket/folder'):
            database = lancedb.connect(address, read_consistency_interval=timedelta(0))  # readers see every write
            names = sorted(database.list_tables(limit=MOST_TABLES).tables)
        names = [name for name in names if not folder or not _is_begun(folder / f'{name}.lance')]
    if not names and not make:
        raise GalleryIndexError(f'{address}: no index here; build one, or give another folder')
    return address, database, names


def _is_begun(table: Path) -> bool:
    """Return whether a table is still being created, or was when its writer stopped: it has no version and no rows."""
    return not any(table.glob('_versions/*.manifest')) and not (table / 'data').exists()


def table_name(key: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def schema(key: dict[str, Any], dim: int) -> Any:
    """Return the schema of rows with embeddings (D,) float16."""
    import pyarrow as pa

    # Of two writers that add the same new name, the second replaces the row of the first.
    primary = {'lance-schema:unenforced-primary-key': 'true'}
    types = dict.fromkeys(Row._fields, pa.string()) | {'time': pa.timestamp('s', 'UTC')}
    types |= {'vector': pa.list_(pa.float16(), dim), 'checksum': pa.int64()}
    fields = [pa.field(name, kind, False, primary if name == 'name' else None) for name, kind in types.items()]
    return pa.schema(fields, {KEY: json.dumps(key)})


def open_table(database: Any, name: str, address: str) -> tuple[Any, dict[str, Any], int]:
    """Return a table, its key and D. Raises GalleryIndexError if it cannot be read or does not belong to an index."""
    with explain_errors(f'{address}: table {name}'):
        table = database.open_table(name)
        try:
            key, dim = json.loads(table.schema.metadata[KEY]), table.schema.field('vector').type.list_size
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError('is not a table of an index') from error
        if not table.schema.equals(schema(key, dim)) or table_name(key) != name:
            raise ValueError('has other columns or another key than a table of an index')
    return table, key, dim


def as_table(rows: Sequence[Row], embeddings: np.ndarray, key: dict[str, Any]) -> Any:
    """Return rows and their embeddings (N, D) as a table to be written."""
    import pyarrow as pa

    half = embeddings.astype(np.float16)
    columns = dict(zip(Row._fields, zip(*rows, strict=True), strict=True))
    columns['vector'] = pa.FixedSizeListArray.from_arrays(pa.array(half.ravel()), half.shape[1])
    columns['checksum'] = [checksum(*pair) for pair in zip(rows, half, strict=True)]
    return pa.table(columns, schema(key, half.shape[1]))


def rows_of(batch: Any) -> list[Row]:
    return [Row(*values) for values in zip(*(batch[name].to_pylist() for name in Row._fields), strict=True)]


def vectors_of(batch: Any) -> np.ndarray:
    """Return the embeddings (N, D) float16 of a batch."""
    return batch['vector'].flatten().to_numpy().reshape(len(batch), -1)


def checksum(row: Row, vector: np.ndarray) -> int:
    """Return the CRC-32 of a row and its embedding (D,) float16."""
    name, pid, camid, time, sha256 = row
    texts = f'{name}\0{pid}\0{camid}\0{time.timestamp():.0f}\0{sha256}'
    return zlib.crc32(vector, zlib.crc32(texts.encode()))
