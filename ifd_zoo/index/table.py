"""`GalleryIndex`: the embeddings of a gallery in a table of LanceDB."""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ifd_zoo.index import lancedb_tables
from ifd_zoo.index.approximate import propose
from ifd_zoo.index.base import GalleryIndexError, SearchFilter
from ifd_zoo.index.key import as_json, describe_difference
from ifd_zoo.index.lancedb_tables import AGAIN, Row, explain_errors
from ifd_zoo.index.ranking import BATCH, SEEN, IndexMatch, rank_batches

LOOSE = 64
"""Number of files or versions up to which they are not merged."""
OLD = timedelta(minutes=10)
"""Versions older than this are deleted; a reader uses one version for as long as its search takes."""
NORM_TOLERANCE = 1e-3
ALL = SearchFilter()


class GalleryIndex:
    """Rows of name, person, camera, time and embedding, of one model and setting; see `open` and `open_or_create`.

    Names are unique: adding one again replaces its row. Embeddings are float16, which changes a similarity by less than
    5e-4, usually about 1e-5. Any number of processes may read and write: each change is atomic, even if the process is
    killed, and a search sees the newest state at its start.

    Attributes:
        address: folder or URL of the tables.
        key: what the embeddings depend on, see `index_key`.
        dim: D, length of an embedding.
    """

    def __init__(self, address: str, name: str, database: Any) -> None:
        self.address = address
        self.table, self.key, self.dim = lancedb_tables.open_table(database, name, address)

    @classmethod
    def all_at(cls, place: str | Path) -> list['GalleryIndex']:
        """Open the indexes of all models and settings in a folder; raises errors as `open` does."""
        address, database, names = lancedb_tables.connect(place)
        return [cls(address, name, database) for name in names]

    @classmethod
    def open(cls, place: str | Path, key: dict[str, Any]) -> 'GalleryIndex':
        """Open the index with this key. Raises GalleryIndexError if there is none or it cannot be read."""
        found = {describe_difference(index.key, key): index for index in cls.all_at(place)}
        least = min(found, key=len)
        if least:
            advice = 'use that one, or run build with this one, too'
            raise GalleryIndexError(f'{place}: was built with another model or setting ({least}); {advice}')
        return found[least]

    @classmethod
    def open_or_create(cls, place: str | Path, key: dict[str, Any], dim: int) -> 'GalleryIndex':
        """Open the index with this key and embeddings (D,), creating it if missing; GalleryIndexError as for `open`."""
        address, database, names = lancedb_tables.connect(place, make=True)
        key, name = as_json(key), lancedb_tables.table_name(as_json(key))
        if name not in names:
            with explain_errors(address, AGAIN):
                database.create_table(name, schema=lancedb_tables.schema(key, dim), exist_ok=True)
        index = cls(address, name, database)
        if index.dim != dim:
            raise GalleryIndexError(f'{address}: has embeddings of length {index.dim}, not {dim}; give another folder')
        return index

    def __len__(self) -> int:
        with explain_errors(self.address):
            return self.table.count_rows()

    def rows(self) -> list[Row]:
        """Return all rows, without embeddings, in no particular order."""
        return [row for batch in self._scan(Row._fields) for row in lancedb_tables.rows_of(batch)]

    def embeddings(self, column: str = 'name', values: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Return embeddings (D,) float16 by name, or by the values of another column.

        Args:
            values: of that column, to select; None for all.
        """
        from lancedb.expr import col

        found, chosen = {}, None if values is None else col(column).isin(list(values))
        for batch in self._scan([column, 'vector'], chosen) if chosen is None or values else ():
            found |= zip(batch[column].to_pylist(), lancedb_tables.vectors_of(batch), strict=True)
        return found

    def search(
        self, queries: np.ndarray, top_k: int = 10, only: SearchFilter = ALL, near: bool = False
    ) -> list[list[IndexMatch]]:
        """Return the most similar images for each query, best first, equal ones by name.

        Args:
            queries: (Q, D) or (D,), unit length.
            top_k: maximum number of matches; may exceed the size of the index.
            only: filter of the images to search.
            near: use the index of `approximate.build`: some images are missed, similarities are exact.

        Raises:
            ValueError: `top_k` is less than 1, or the queries have the wrong shape or not unit length.
            GalleryIndexError: the index is empty or damaged, or there is no approximate one.
        """
        if top_k < 1:
            raise ValueError(f'top_k must be at least 1, got {top_k}')
        queries = np.atleast_2d(np.asarray(queries, np.float32))
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise ValueError(f'queries are {queries.shape}; give (Q, {self.dim}), as the rows of {self.address} are')
        _require_unit_length(queries, 'a query')
        if not len(self):
            raise GalleryIndexError(f'{self.address}: the index is empty; add at least one image')
        wanted = [*SEEN, 'vector'], only.expression()
        with explain_errors(self.address):
            if not near:
                return rank_batches(self._scan(*wanted), queries, top_k)
            found = (propose(self.table, query, top_k, *wanted, self.address) for query in queries)
            return [rank_batches(part, query[None], top_k)[0] for part, query in zip(found, queries, strict=True)]

    def search_people(self, queries: np.ndarray, top_k: int = 10, **options: Any) -> list[list[IndexMatch]]:
        """Return the most similar persons with a pid per query, each by its best image; options as for `search`."""
        looked_at, number = top_k, len(self)
        while True:
            looked_at, people = 4 * looked_at, []
            for found in self.search(queries, looked_at, **options):
                best: dict[str, IndexMatch] = {}
                for match in found:
                    best.setdefault(match.pid, match)
                best.pop('', None)
                people.append(list(best.values())[:top_k])
            if looked_at >= number or all(len(found) == top_k for found in people):
                return people

    def add(self, rows: Sequence[Row], embeddings: np.ndarray) -> None:
        """Write rows, replacing those with the same names; on an error none is written.

        Args:
            rows: with unique names.
            embeddings: (N, D), unit length.

        Raises:
            ValueError: the rows and embeddings do not fit each other or the index.
            GalleryIndexError: a text is not valid Unicode, or the table cannot be written.
        """
        embeddings = np.asarray(embeddings, np.float32)
        if embeddings.shape != (len(rows), self.dim):
            raise ValueError(f'{len(rows)} rows with embeddings {embeddings.shape}; give one of {self.dim} for each')
        if len({row.name for row in rows}) < len(rows):
            raise ValueError('a name occurs twice; names must be unique')
        _require_unit_length(embeddings, 'an embedding')
        for row in rows:
            if not is_text(row.name + row.pid + row.camid):
                raise GalleryIndexError(f'{row.name!r}: is not UTF-8; rename it')
        if rows:
            with explain_errors(self.address, AGAIN):
                merge = self.table.merge_insert('name').when_matched_update_all().when_not_matched_insert_all()
                merge.execute(lancedb_tables.as_table(rows, embeddings, self.key))

    def remove(self, names: Collection[str] = (), pids: Collection[str] = ()) -> int:
        """Remove the images with these names and all images of these persons; return their number."""
        from lancedb.expr import col

        before = len(self)
        with explain_errors(self.address, AGAIN):
            for column, values in (('name', names), ('pid', pids)):
                if values:
                    self.table.delete(col(column).isin(list(values)))
        return before - len(self)

    def check(self) -> int:
        """Read all rows, verify their checksums, and return the number of rows.

        Raises:
            GalleryIndexError: a file cannot be read, or a row has changed since it was written.
        """
        number, damaged = 0, []
        with explain_errors(self.address):
            for batch in self._scan([*Row._fields, 'vector', 'checksum']):
                rows, vectors = lancedb_tables.rows_of(batch), lancedb_tables.vectors_of(batch)
                found = zip(rows, vectors, batch['checksum'].to_pylist(), strict=True)
                damaged += [row.name for row, vector, value in found if lancedb_tables.checksum(row, vector) != value]
                number += len(batch)
            if damaged:
                raise ValueError(f'{len(damaged)} of {number} rows are damaged, such as {damaged[0]!r}')
        return number

    def describe(self) -> dict[str, Any]:
        """Return counts, megabytes of the newest version, and the key, as JSON values."""
        rows = self.rows()
        with explain_errors(self.address):
            size, made = self.table.stats()['total_bytes'], [one.index_type for one in self.table.list_indices()]
        counts = {'images': len(rows), 'people': len({row.pid for row in rows} - {''})}
        counts |= {'cameras': len({row.camid for row in rows} - {''}), 'megabytes': round(size / 1e6, 1)}
        return counts | {'approximate': made, 'dim': self.dim, 'key': self.key}

    def tidy(self, older: timedelta = OLD, loose: int = 0) -> None:
        """Merge files, add new rows to the approximate index, and delete old versions.

        Args:
            older: age from which versions are deleted; close to zero, it makes concurrent readers and writers fail.
            loose: number of files or versions up to which nothing is done; above 0, nor is it while others write.
        """
        with explain_errors(self.address, AGAIN):
            files = self.table.stats()['fragment_stats']['num_fragments']
            try:
                if max(files, len(self.table.list_versions())) > loose:
                    self.table.optimize(cleanup_older_than=older)
            except RuntimeError as error:
                if not loose or 'commit conflict' not in str(error):  # otherwise the other writer tidies up
                    raise

    def _scan(self, columns: Sequence[str], expression: Any = None) -> Iterator[Any]:
        """Yield record batches of these columns."""
        with explain_errors(self.address):
            search = self.table.search().select(list(columns))
            yield from (search if expression is None else search.where(expression)).to_batches(BATCH)


def is_text(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8; some file names cannot."""
    return text.isascii() or not any('\ud800' <= letter <= '\udfff' for letter in text)


def _require_unit_length(vectors: np.ndarray, what: str) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < NORM_TOLERANCE).all():  # in this form NaN is rejected, too
        raise ValueError(f'{what} is not of unit length, or not finite; divide it by its norm')
