"""`GalleryIndex`: an index on disk."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.checks import checked_rows, require_unit_length
from ifd_zoo.index.exact import search_exact
from ifd_zoo.index.key import as_json, describe_difference
from ifd_zoo.index.manifest import FILE, MANIFEST, Manifest, read_manifest
from ifd_zoo.index.merge import write_merged
from ifd_zoo.index.shard import Rows, Shard, write_shard
from ifd_zoo.index.table import IndexMatch, Table
from ifd_zoo.index.tombstones import read_removed, write_removed

SHARD_ROWS = 1 << 16
"""Of a shard after `compact`."""


class GalleryIndex:
    """Rows of name, label and embedding in a folder; see `open` and `create`.

    A name is there once: to add it again replaces its row. Rows keep their order, which decides between equal
    similarities. With float16 a similarity is off by less than 5e-4, so that rows closer to each other than 1e-3 may
    change places; by about 1e-5 as a rule.

    Any number of processes may search while one writes: they see what was there when they opened it. A second writer
    is refused. Killed at any moment, the index is as before a step or as after it.

    Attributes:
        manifest: what is on disk.
        table: the rows.
    """

    def __init__(self, folder: Path, manifest: Manifest, verify: bool = False) -> None:
        self.folder, self.manifest = folder, manifest
        shards = [self._shard(number) for number in range(len(manifest.shards))]
        for shard in shards if verify else ():
            shard.verify()
        self.table = Table(shards, read_removed(folder, manifest, verify))

    @classmethod
    def create(cls, folder: str | Path, key: dict[str, Any], dim: int, dtype: str = 'fp16') -> 'GalleryIndex':
        """A new, empty index.

        Args:
            key: what decides the embeddings, as JSON values; see `index_key`.
            dim: D, length of an embedding.
            dtype: `fp16`, or `fp32` for twice the space and similarities as computed.

        Raises:
            GalleryIndexError: there is one already.
            OSError: the folder cannot be written.
        """
        folder = Path(folder).expanduser()
        if (folder / MANIFEST).exists():
            raise GalleryIndexError(f'{folder}: there is an index already; open it, or give another folder')
        manifest = Manifest(as_json(key), dim, dtype)
        manifest.write(folder)
        return cls(folder, manifest)

    @classmethod
    def open(cls, folder: str | Path, key: dict[str, Any] | None = None, verify: bool = True) -> 'GalleryIndex':
        """The index in a folder.

        Args:
            key: which the index must have; None takes any.
            verify: read all files to see that they are as they were written, which takes seconds per million rows;
                without, only their form is checked.

        Raises:
            GalleryIndexError: there is none, a file of it is missing or damaged, or it has another key.
        """
        folder = Path(folder).expanduser()
        manifest = read_manifest(folder)
        if key is not None:
            _require_key(folder, manifest.key, key)
        return cls(folder, manifest, verify)

    @classmethod
    def open_or_create(cls, folder: str | Path, key: dict[str, Any], dim: int, dtype: str = 'fp16') -> 'GalleryIndex':
        """Arguments and errors as for `open` and `create`; an index that is there keeps its dtype."""
        there = (Path(folder).expanduser() / MANIFEST).exists()
        return cls.open(folder, key) if there else cls.create(folder, key, dim, dtype)

    @property
    def dim(self) -> int:
        return self.manifest.dim

    def __len__(self) -> int:
        return int(self.table.alive.sum())

    def __contains__(self, name: str) -> bool:
        return name in self.table.row_of

    def names(self) -> list[str]:
        """In the order of the rows."""
        return sorted(self.table.row_of, key=self.table.row_of.__getitem__)

    def require_key(self, key: dict[str, Any]) -> None:
        """Raises GalleryIndexError when the index has another key; the message says in what they differ."""
        _require_key(self.folder, self.manifest.key, key)

    def search(self, queries: np.ndarray, top_k: int = 10) -> list[list[IndexMatch]]:
        """For each query the most similar rows, best first; equal ones in the order of the rows.

        Args:
            queries: (Q, D) or (D,), unit length.
            top_k: at most so many are returned; may be larger than the index.

        Raises:
            ValueError: `top_k` is less than 1, or the queries have another form.
            GalleryIndexError: the index is empty or damaged.
        """
        queries = self.check_queries(queries, top_k)
        parts = [shard.embeddings for shard in self.table.shards]
        try:
            return self.table.describe(search_exact(parts, self.table.alive, queries, top_k))
        except FloatingPointError as error:
            raise GalleryIndexError(f'{self.folder}: {error}; build the index again') from error

    def check_queries(self, queries: np.ndarray, top_k: int) -> np.ndarray:
        """Queries (Q, D) float32 that can be searched for; errors as for `search`."""
        if top_k < 1:
            raise ValueError(f'top_k must be at least 1, got {top_k}')
        queries = np.atleast_2d(np.asarray(queries, np.float32))
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise ValueError(f'queries are {queries.shape}; give (Q, {self.dim}), as the rows of {self.folder} are')
        require_unit_length(queries, 'a query')
        if not len(self):
            raise GalleryIndexError(f'{self.folder}: the index is empty; add at least one image')
        return queries

    def add(
        self,
        names: Sequence[str],
        embeddings: np.ndarray,
        contents: Sequence[bytes] | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Append rows, of which each replaces the one that has its name; all of them or, on an error, none.

        Args:
            names: each once.
            embeddings: (n, D), unit length.
            contents: SHA-256 of what each was made from; without them, of the embedding.
            labels: of the persons.

        Raises:
            ValueError: the rows do not fit each other or the index.
            GalleryIndexError: another process has written to the index.
            OSError: it cannot be written.
        """
        embeddings = np.asarray(embeddings, np.float32)
        if contents is None:
            contents = [hashlib.sha256(row.tobytes()).digest() for row in embeddings]
        labels = [''] * len(names) if labels is None else labels
        rows = checked_rows(names, embeddings, contents, labels, self.dim)
        if not names:
            return
        self._require_unchanged()
        entries, before = list(self.manifest.shards), len(self.manifest.shards)
        for start in range(0, len(names), SHARD_ROWS):
            part = Rows(*(values[start : start + SHARD_ROWS] for values in rows))
            entries.append(write_shard(self.folder, len(entries), part, self.manifest.dtype))
        manifest = replace(self.manifest, shards=tuple(entries))
        replaced = [self.table.row_of[name] for name in names if name in self]
        self._commit(self._without(manifest, replaced) if replaced else manifest)
        self.table.extend([self._shard(number) for number in range(before, len(entries))])

    def remove(self, names: Iterable[str] = (), labels: Iterable[str] = ()) -> int:
        """Take rows out, without a rebuild; `compact` gives their space back.

        Args:
            labels: all rows of these persons.

        Returns:
            How many rows were taken out.

        Raises:
            GalleryIndexError: there is no such name or label (then nothing is removed), or another process has written.
            OSError: the index cannot be written.
        """
        found = {f'name {name!r}': [self.table.row_of[name]] if name in self else [] for name in names}
        found |= {f'label {label!r}': rows for label, rows in self.table.labelled(labels).items()}
        unknown = [f'no {what}' for what, rows in found.items() if not rows]
        if unknown:
            raise GalleryIndexError(f'{self.folder}: {", ".join(unknown[:5])} in this index; nothing was removed')
        rows = sorted(set().union(*found.values()))
        if rows:
            self._require_unchanged()
            self._commit(self._without(self.manifest, rows))
            self.table.remove(rows)
        return len(rows)

    def compact(self, shard_rows: int = SHARD_ROWS) -> None:
        """Merge small shards, drop removed rows, and delete files that nothing refers to. Errors as for `add`."""
        self._require_unchanged()
        entries = write_merged(self.folder, self.table.shards, self.table.alive, shard_rows, self.manifest.dtype)
        self._commit(replace(self.manifest, shards=entries, removed=None))
        self.table = Table([self._shard(number) for number in range(len(entries))], np.ones(self.manifest.rows, bool))
        for path in self.folder.iterdir():
            if FILE.fullmatch(path.name) and path.name not in self.manifest.files():
                path.unlink()

    def _shard(self, number: int) -> Shard:
        return Shard(self.folder, self.manifest.shards[number], self.dim, self.manifest.dtype)

    def _without(self, manifest: Manifest, rows: Sequence[int]) -> Manifest:
        """The manifest, behind which these rows and those removed before are removed."""
        gone = np.union1d(np.flatnonzero(~self.table.alive), rows)
        return replace(manifest, removed=write_removed(self.folder, gone))

    def _require_unchanged(self) -> None:
        if read_manifest(self.folder) != self.manifest:
            raise GalleryIndexError(f'{self.folder}: another process has written to this index; open it again')

    def _commit(self, manifest: Manifest) -> None:
        before = self.manifest.removed
        manifest.write(self.folder)
        self.manifest = manifest
        if before and before != manifest.removed:
            (self.folder / before.file).unlink(missing_ok=True)


def _require_key(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    difference = describe_difference(found, wanted)
    if difference:
        raise GalleryIndexError(
            f'{folder}: was built by another model or setting ({difference}); use that, or build into another folder'
        )
