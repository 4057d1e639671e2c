"""Embeddings by key on disk, so that a stopped extraction loses at most its last group."""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ifd_zoo.common.files import replacing


class RowStore:
    """Rows in a folder of Parquet files with page checksums, one file per write.

    Any number of writers may add rows at once; duplicate rows count once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, rows: Mapping[str, np.ndarray]) -> None:
        """Add rows (D,) float32 atomically: all or none. Raises OSError if they cannot be written."""
        import pyarrow as pa
        from pyarrow import parquet

        if rows:
            vectors = np.stack(list(rows.values()))
            embeddings = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
            table = pa.table({'key': list(rows), 'embedding': embeddings})
            with replacing(self.folder / f'{secrets.token_hex(8)}.parquet') as temporary:
                parquet.write_table(table, temporary, compression='none', write_page_checksum=True)

    def read(self) -> tuple[dict[str, np.ndarray], int]:
        """Return all rows of the intact files, and the number of damaged files."""
        import pyarrow as pa
        from pyarrow import parquet

        rows, damaged = {}, 0
        for path in sorted(self.folder.glob('*.parquet')):
            try:
                table = parquet.read_table(path, page_checksum_verification=True)
                vectors = table['embedding'].combine_chunks()
                rows |= zip(table['key'].to_pylist(), vectors.flatten().to_numpy().reshape(len(table), -1), strict=True)
            except (pa.ArrowException, OSError, KeyError):
                damaged += 1
        return rows, damaged

    def remove(self) -> None:
        """Remove the folder. Raises OSError if that fails."""
        shutil.rmtree(self.folder)


def stamp(path: Path | None) -> list[int] | None:
    """Return size and modification time of a file, to detect changes; None if it does not exist."""
    if path is None or not path.exists():
        return None
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]
