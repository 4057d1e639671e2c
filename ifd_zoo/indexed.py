"""A folder of photos whose embeddings are kept on disk, so that a large gallery is looked at once."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from ifd_zoo.features import embedding_size
from ifd_zoo.gallery import PHOTO_SIDE, Embedded, PhotoFile, Progress, RememberedEmbeddings, no_progress
from ifd_zoo.images import load_image
from ifd_zoo.index import GalleryIndex, IndexFile, index_key
from ifd_zoo.index.build import fill
from ifd_zoo.predictor import Predictor


class IndexedFolder:
    """Embeddings of a gallery: those of its folder from an index on disk, one for each model, others from memory.

    An `ifd_zoo.gallery.Embed`, with the same embeddings as `embed_files`. A build that was stopped goes on where it
    was; files that are new or have changed since the last one are embedded, files that are gone are taken out. Safe
    between threads; one process at a time.

    Args:
        files: of the folder, with names of which each is there once.
        root: folder of the indexes, made when missing.
        looking: entered whenever a network runs, such as a lock.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        root: str | Path,
        looking: AbstractContextManager = nullcontext(),  # noqa: B008  (has no state)
    ) -> None:
        self.files, self.root, self._looking = files, Path(root).expanduser(), looking
        self._others = RememberedEmbeddings()
        self._building = Lock()
        self._ready: WeakKeyDictionary[Predictor, Embedded] = WeakKeyDictionary()
        self._places = {file: place for place, file in enumerate(self.files)}

    def build(self, predictor: Predictor, progress: Progress = no_progress) -> Embedded:
        """Bring the index of a model up to date, unless it is; waits for a build that is under way.

        Args:
            progress: called with the number of files done; may raise to stop, and what was written stays.

        Returns:
            Embeddings of the folder's files.

        Raises:
            GalleryIndexError: the index on disk is damaged.
            OSError: it cannot be written.
        """
        # Without the lock where nothing is to be built: who holds `looking` would wait for a build that waits for it.
        if ready := self._ready.get(predictor):
            return ready
        with self._building:
            if predictor not in self._ready:
                self._ready[predictor] = self._build(predictor, progress)
            return self._ready[predictor]

    def __call__(
        self, predictor: Predictor, files: Sequence[PhotoFile], progress: Progress = no_progress
    ) -> Embedded:
        if files is self.files:  # told at once also of a hundred thousand files
            return self.build(predictor, progress)
        places = [self._places.get(file) for file in files]
        if all(place is None for place in places):
            return self._others(predictor, files, progress)
        return self._merge(predictor, files, places, self.build(predictor, progress), progress)

    def _merge(
        self,
        predictor: Predictor,
        files: Sequence[PhotoFile],
        places: list[int | None],
        known: Embedded,
        progress: Progress,
    ) -> Embedded:
        """Uploads and files of the folder, in the order of `files`."""
        others = [index for index, place in enumerate(places) if place is None]
        new = self._others(predictor, [files[index] for index in others], progress)
        rows = {others[index]: len(known.indices) + row for row, index in enumerate(new.indices)}
        row_of = {place: row for row, place in enumerate(known.indices)}
        rows |= {index: row_of[place] for index, place in enumerate(places) if place in row_of}
        indices = sorted(rows)
        both = np.concatenate([known.embeddings, new.embeddings])
        return Embedded(both[[rows[index] for index in indices]], indices, [*new.skipped, *known.skipped])

    def _build(self, predictor: Predictor, progress: Progress) -> Embedded:
        key = index_key(predictor) | {'photo_side': PHOTO_SIDE}
        name = hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()[:16]
        index = GalleryIndex.open_or_create(self.root / name, key, embedding_size(predictor.model), 'fp32')

        def embed(paths: Sequence[Path]) -> np.ndarray:
            photos = [load_image(path, max_side=PHOTO_SIDE) for path in paths]
            with self._looking:
                return predictor.embed(photos)

        wanted = [IndexFile(Path(file.path), file.name) for file in self.files]
        built = fill(index, embed, wanted, progress, predictor.batch_size)
        gone = set(index.names()) - {file.name for file in self.files}
        unusable = {line.partition(': ')[0] for line in built.skipped}
        index.remove((gone | unusable) & set(index.names()))
        return self._read(index, built.skipped)

    def _read(self, index: GalleryIndex, skipped: list[str]) -> Embedded:
        table = index.table
        places = [place for place, file in enumerate(self.files) if file.name in table.row_of]
        whole = [shard.embeddings.float().numpy() for shard in table.shards]
        every = np.concatenate([np.empty((0, index.dim), np.float32), *whole])
        return Embedded(every[[table.row_of[self.files[place].name] for place in places]], places, skipped)
