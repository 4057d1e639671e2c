"""A gallery folder whose embeddings are kept on disk, so that each photo is embedded only once."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ifd_zoo.gallery import PHOTO_SIDE, CachedEmbeddings, Embedded, PhotoFile, Progress, no_progress, stamp
from ifd_zoo.images.loading import load_image
from ifd_zoo.index import GalleryIndex, IndexFile, fill, index_key
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import Predictor


class _Known(NamedTuple):
    embedded: Embedded
    stamps: np.ndarray
    """(N, 3) int64, of the files just before they were embedded."""


class IndexedFolder:
    """Embeddings of a gallery: those of its folder come from an index on disk, one for each model, others from memory.

    An `ifd_zoo.gallery.Embed` with the embeddings that `embed_files` had at the last call of `build`. An interrupted
    build is resumed; files that are new or have changed are embedded, those that are gone or damaged are removed. Safe
    between threads and processes.

    Args:
        files: of the folder, with unique names.
        root: folder of the indexes, created if missing, or an address such as s3://bucket/folder.
        looking: context to enter whenever a network runs, such as a lock.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        root: str | Path,
        looking: AbstractContextManager = nullcontext(),  # noqa: B008  (has no state)
    ) -> None:
        self.files, self.root, self._looking = files, root, looking
        self._others = CachedEmbeddings()
        self._building = Lock()
        self._ready: WeakKeyDictionary[Predictor, _Known] = WeakKeyDictionary()
        self._places = {file: place for place, file in enumerate(self.files)}

    def build(self, predictor: Predictor, progress: Progress = no_progress) -> Embedded:
        """Update the index of a model if necessary; waits for a build that is running.

        Changed files are detected by their size and times.

        Args:
            progress: called with the number of files done; may raise to stop, and what was written stays.

        Returns:
            Embeddings of the folder's files.

        Raises:
            GalleryIndexError: the index on disk is damaged.
            OSError: it cannot be written.
        """
        # No lock if there is nothing to build: a caller that holds `looking` would wait for a build that waits for it.
        ready = self._ready.get(predictor)
        if ready and np.array_equal(ready.stamps, self._stamps()):
            return ready.embedded
        with self._building:
            ready, stamps = self._ready.get(predictor), self._stamps()
            if not ready or not np.array_equal(ready.stamps, stamps):
                files = self._to_look_at(ready, stamps)
                self._ready[predictor] = _Known(self._build(predictor, files, progress), stamps)
            return self._ready[predictor].embedded

    def __call__(
        self, predictor: Predictor, files: Sequence[PhotoFile], progress: Progress = no_progress
    ) -> Embedded:
        if files is self.files:  # fast even for a hundred thousand files
            return self._embedded(predictor, progress)
        places = [self._places.get(file) for file in files]
        if all(place is None for place in places):
            return self._others(predictor, files, progress)
        return self._merge(predictor, files, places, self._embedded(predictor, progress), progress)

    def _embedded(self, predictor: Predictor, progress: Progress) -> Embedded:
        """Return the embeddings of the last build: the caller may hold `looking`, with which nothing can be built."""
        ready = self._ready.get(predictor)
        return ready.embedded if ready else self.build(predictor, progress)

    def _stamps(self) -> np.ndarray:
        return np.array([stamp(file.path) for file in self.files], np.int64).reshape(-1, 3)

    def _to_look_at(self, ready: _Known | None, stamps: np.ndarray) -> list[PhotoFile]:
        """Return files that have changed, and those that could not be used, so that all of these are reported again."""
        changed = np.ones(len(stamps), bool)
        if ready:
            changed[ready.embedded.indices] = (ready.stamps != stamps).any(1)[ready.embedded.indices]
        return [self.files[place] for place in np.flatnonzero(changed)]

    def _merge(
        self,
        predictor: Predictor,
        files: Sequence[PhotoFile],
        places: list[int | None],
        known: Embedded,
        progress: Progress,
    ) -> Embedded:
        """Return embeddings of uploads and files of the folder, in the order of `files`."""
        others = [index for index, place in enumerate(places) if place is None]
        new = self._others(predictor, [files[index] for index in others], progress)
        rows = {others[index]: len(known.indices) + row for row, index in enumerate(new.indices)}
        row_of = {place: row for row, place in enumerate(known.indices)}
        rows |= {index: row_of[place] for index, place in enumerate(places) if place in row_of}
        indices = sorted(rows)
        both = np.concatenate([known.embeddings, new.embeddings])
        return Embedded(both[[rows[index] for index in indices]], indices, [*new.skipped, *known.skipped])

    def _build(self, predictor: Predictor, files: Sequence[PhotoFile], progress: Progress) -> Embedded:
        """Update the index with these files of the folder, and return the embeddings of all."""
        key = index_key(predictor) | {'photo_side': PHOTO_SIDE}
        index = GalleryIndex.open_or_create(self.root, key, embedding_size(predictor.model))

        def embed(paths: Sequence[Path]) -> np.ndarray:
            photos = [load_image(path, max_side=PHOTO_SIDE) for path in paths]
            with self._looking:
                return predictor.embed(photos)

        wanted, before = [IndexFile(Path(file.path), file.name) for file in files], len(self.files) - len(files)
        others = {file.name for file in self.files} - {file.name for file in files}
        tell = lambda done: progress(before + done)  # noqa: E731
        skipped = fill(index, embed, wanted, tell, others, predictor.batch_size).skipped
        found = index.embeddings()
        places = [place for place, file in enumerate(self.files) if file.name in found]
        rows = [np.empty((0, index.dim), np.float32), *(found[self.files[place].name][None] for place in places)]
        return Embedded(np.concatenate(rows, dtype=np.float32), places, skipped)
