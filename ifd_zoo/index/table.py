"""`GalleryIndex`: the embeddings of a gallery in a table of LanceDB."""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ifd_zoo.index import lancedb_tables
from ifd_zoo.index.approximate import propose
from ifd_zoo.index.base import GalleryIndexError, Only
from ifd_zoo.index.key import as_json, describe_difference
from ifd_zoo.index.lancedb_tables import AGAIN, Row, told
from ifd_zoo.index.ranking import BATCH, SEEN, IndexMatch, rank_batches

LOOSE = 64
"""Files and versions that are left before they are merged."""
OLD = timedelta(minutes=10)
"""Versions of this age are deleted; a reader keeps to one for as long as a search takes."""
NORM_TOLERANCE = 1e-3
ALL = Only()


class GalleryIndex:
    """Rows of name, person, camera, time and embedding, of one model and setting; see `open` and `open_or_create`.

    A name is there once: to add it again replaces its row. Embeddings are float16, by which a similarity is off by less
    than 5e-4, about 1e-5 as a rule. Any number of processes may read and write: each change is there in full or not at
    all, also when the process is killed, and a search is in what was the newest state as it began.

    Attributes:
        address: folder or URL of the tables.
        key: what decides the embeddings, see `index_key`.
        dim: D, length of an embedding.
    """

    def __init__(self, address: str, name: str, database: Any) -> None:
        self.address = address
        self.table, self.key, self.dim = lancedb_tables.open_table(database, name, address)

    @classmethod
    def all_at(cls, place: str | Path) -> list['GalleryIndex']:
        """The indexes of all models and settings in a folder; errors as of `open`."""
        address, database, names = lancedb_tables.connect(place)
        return [cls(address, name, database) for name in names]

    @classmethod
    def open(cls, place: str | Path, key: dict[str, Any]) -> 'GalleryIndex':
        """The index of that key. Raises GalleryIndexError when there is none, or it cannot be read."""
        found = {describe_difference(index.key, key): index for index in cls.all_at(place)}
        least = min(found, key=len)
        if least:
            advice = 'use that, or build with this one, too'
            raise GalleryIndexError(f'{place}: was built by another model or setting ({least}); {advice}')
        return found[least]

    @classmethod
    def open_or_create(cls, place: str | Path, key: dict[str, Any], dim: int) -> 'GalleryIndex':
        """The index of that key and embeddings (D,), made when missing; GalleryIndexError as of `open`."""
        address, database, names = lancedb_tables.connect(place, make=True)
        key, name = as_json(key), lancedb_tables.table_name(as_json(key))
        if name not in names:
            with told(address, AGAIN):
                database.create_table(name, schema=lancedb_tables.schema(key, dim), exist_ok=True)
        index = cls(address, name, database)
        if index.dim != dim:
            raise GalleryIndexError(f'{address}: has embeddings of length {index.dim}, not {dim}; give another folder')
        return index

    def __len__(self) -> int:
        with told(self.address):
            return self.table.count_rows()

    def rows(self) -> list[Row]:
        """What is known of all pictures, in no certain order."""
        return [row for batch in self._scan(Row._fields) for row in lancedb_tables.rows_of(batch)]

    def embeddings(self, column: str = 'name', values: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Embeddings (D,) float16 by name, or by what another column has.

        Args:
            values: of that column; None for all.
        """
        from lancedb.expr import col

        found, chosen = {}, None if values is None else col(column).isin(list(values))
        for batch in self._scan([column, 'vector'], chosen) if chosen is None or values else ():
            found |= zip(batch[column].to_pylist(), lancedb_tables.vectors_of(batch), strict=True)
        return found

    def search(
        self, queries: np.ndarray, top_k: int = 10, only: Only = ALL, near: bool = False
    ) -> list[list[IndexMatch]]:
        """For each query the most similar pictures, best first; equal ones by name.

        Args:
            queries: (Q, D) or (D,), unit length.
            top_k: at most so many are returned; may be larger than the index.
            only: which pictures are searched.
            near: by what `approximate.build` has made: some pictures are missed, similarities are exact.

        Raises:
            ValueError: `top_k` is less than 1, or the queries have another form.
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
        with told(self.address):
            if not near:
                return rank_batches(self._scan(*wanted), queries, top_k)
            found = (propose(self.table, query, top_k, *wanted, self.address) for query in queries)
            return [rank_batches(part, query[None], top_k)[0] for part, query in zip(found, queries, strict=True)]

    def search_people(self, queries: np.ndarray, top_k: int = 10, **options: Any) -> list[list[IndexMatch]]:
        """For each query the most similar persons with a pid, each by the best picture; options as of `search`."""
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
        """Write rows, each in place of the one that has its name; all of them or, on an error, none.

        Args:
            rows: with names of which each is there once.
            embeddings: (n, D), unit length.

        Raises:
            ValueError: the rows and embeddings do not fit each other or the index.
            GalleryIndexError: a text is not Unicode, or the table cannot be written.
        """
        embeddings = np.asarray(embeddings, np.float32)
        if embeddings.shape != (len(rows), self.dim):
            raise ValueError(f'{len(rows)} rows with embeddings {embeddings.shape}; give one of {self.dim} for each')
        if len({row.name for row in rows}) < len(rows):
            raise ValueError('a name is there twice; give each once')
        _require_unit_length(embeddings, 'an embedding')
        for row in rows:
            if not is_text(row.name + row.pid + row.camid):
                raise GalleryIndexError(f'{row.name!r}: is not UTF-8; give it another name')
        if rows:
            with told(self.address, AGAIN):
                merge = self.table.merge_insert('name').when_matched_update_all().when_not_matched_insert_all()
                merge.execute(lancedb_tables.as_table(rows, embeddings, self.key))

    def remove(self, names: Collection[str] = (), pids: Collection[str] = ()) -> int:
        """Take out pictures of these names, and all of these persons; returns how many there were."""
        from lancedb.expr import col

        before = len(self)
        with told(self.address, AGAIN):
            for column, values in (('name', names), ('pid', pids)):
                if values:
                    self.table.delete(col(column).isin(list(values)))
        return before - len(self)

    def check(self) -> int:
        """Read all rows, compare each with its checksum, and return how many there are.

        Raises:
            GalleryIndexError: a file cannot be read, or a row is not as it was written.
        """
        number, damaged = 0, []
        with told(self.address):
            for batch in self._scan([*Row._fields, 'vector', 'checksum']):
                rows, vectors = lancedb_tables.rows_of(batch), lancedb_tables.vectors_of(batch)
                found = zip(rows, vectors, batch['checksum'].to_pylist(), strict=True)
                damaged += [row.name for row, vector, value in found if lancedb_tables.checksum(row, vector) != value]
                number += len(batch)
            if damaged:
                raise ValueError(f'{len(damaged)} of {number} rows are damaged, such as {damaged[0]!r}')
        return number

    def describe(self) -> dict[str, Any]:
        """Counts, megabytes of the newest version, and the key; JSON values."""
        rows = self.rows()
        with told(self.address):
            size, made = self.table.stats()['total_bytes'], [one.index_type for one in self.table.list_indices()]
        counts = {'images': len(rows), 'people': len({row.pid for row in rows} - {''})}
        counts |= {'cameras': len({row.camid for row in rows} - {''}), 'megabytes': round(size / 1e6, 1)}
        return counts | {'approximate': made, 'dim': self.dim, 'key': self.key}

    def tidy(self, older: timedelta = OLD, loose: int = 0) -> None:
        """Merge files, take new rows into the approximate index, and delete versions that are older.

        Args:
            older: what is close to none is an error for those who read or write meanwhile.
            loose: files and versions at which nothing is done yet; nor is it then while somebody else writes.
        """
        with told(self.address, AGAIN):
            files = self.table.stats()['fragment_stats']['num_fragments']
            try:
                if max(files, len(self.table.list_versions())) > loose:
                    self.table.optimize(cleanup_older_than=older)
            except RuntimeError as error:
                if not loose or 'commit conflict' not in str(error):  # else who has written will tidy up
                    raise

    def _scan(self, columns: Sequence[str], expression: Any = None) -> Iterator[Any]:
        """Record batches of these columns."""
        with told(self.address):
            search = self.table.search().select(list(columns))
            yield from (search if expression is None else search.where(expression)).to_batches(BATCH)


def is_text(text: str) -> bool:
    """Whether a text can be written: names of files need not be UTF-8."""
    return text.isascii() or not any('\ud800' <= letter <= '\udfff' for letter in text)


def _require_unit_length(vectors: np.ndarray, what: str) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) < NORM_TOLERANCE).all():  # written so that NaN is refused, too
        raise ValueError(f'{what} is not of unit length, or not finite; divide it by its norm')
