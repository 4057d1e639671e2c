"""Search a gallery of photo files for the persons in queries; files that cannot be used are listed and skipped."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ifd_zoo.common.recent import Recent
from ifd_zoo.explain.overlays import PhotoView, make_photo_view
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.models.batching import parallel_map, split_batches
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import Predictor, rank_embeddings

EXAMPLES = Path(__file__).resolve().parent / 'examples'
PHOTO_SIDE = 1024  # pixels; more than the networks use, and cheap to draw
CHUNK = 8  # maximum number of photos between two progress updates
LISTED = 5_000  # maximum number of matches per query, so that the ranking of a huge gallery stays small
REMEMBERED = 20_000  # embeddings per model; 40 MB at 512 numbers each


class PhotoFile(NamedTuple):
    path: str | Path
    name: str
    """Name given by the user; after an upload not that of the file on disk."""


class Embedded(NamedTuple):
    embeddings: np.ndarray
    """(N, D) float32, unit length, of the files that can be used."""
    indices: list[int]
    """Positions of those files in the list of all files."""
    skipped: list[str]
    """Name and problem of each other file."""


Progress = Callable[[int], None]
"""Called with the number of gallery files done."""
Embed = Callable[[Predictor, Sequence[PhotoFile], Progress], Embedded]


class RankedPhoto(NamedTuple):
    index: int
    """Position in the gallery as it was given."""
    name: str
    similarity: float
    """Cosine, in [-1, 1]."""


class QueryResult(NamedTuple):
    name: str
    embedding: np.ndarray
    """(D,)"""
    photo_view: PhotoView
    ranking: list[RankedPhoto]
    """Usable photos of the gallery, best first; at most `LISTED`."""


class SearchResult(NamedTuple):
    queries: list[QueryResult]
    """Results in the order of the queries."""
    skipped: list[str]
    """Name and problem of each gallery file that cannot be used."""
    searched: int
    """Number of gallery photos that can be used."""


def no_progress(done: int) -> None:
    """Ignore progress (default callback)."""


def embed_files(predictor: Predictor, files: Sequence[PhotoFile], progress: Progress = no_progress) -> Embedded:
    """Embed photo files, a few at a time."""
    embeddings = [np.empty((0, embedding_size(predictor.model)), dtype=np.float32)]
    indices, skipped = [], []
    chunks = split_batches(len(files), CHUNK, predictor.device)

    def embed(chunk: slice) -> Embedded:
        return _embed_chunk(predictor, files[chunk])

    progress(0)
    for chunk, part in zip(chunks, parallel_map(embed, chunks, predictor.device), strict=True):
        embeddings.append(part.embeddings)
        indices += [chunk.start + index for index in part.indices]
        skipped += part.skipped
        progress(chunk.stop)
    return Embedded(np.concatenate(embeddings), indices, skipped)


def _embed_chunk(predictor: Predictor, files: Sequence[PhotoFile]) -> Embedded:
    photos, indices, skipped = [], [], []
    for index, file in enumerate(files):
        try:
            photos.append(load_image(file.path, file.name, PHOTO_SIDE))
            indices.append(index)
        except ImageError as error:
            skipped.append(str(error))
    return Embedded(predictor.embed(photos), indices, skipped)


class CachedEmbeddings:
    """`embed_files` with a cache by content for each predictor. Thread-safe."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most, self._lock = most, Lock()
        self._known: WeakKeyDictionary[Predictor, Recent] = WeakKeyDictionary()

    def __call__(
        self, predictor: Predictor, files: Sequence[PhotoFile], progress: Progress = no_progress
    ) -> Embedded:
        keys = [hash_content(file.path) for file in files]
        with self._lock:
            known = self._known.setdefault(predictor, Recent(self._most))
            rows = {key: known[key] for key in keys if key in known}
        new = [index for index, key in enumerate(keys) if key not in rows]
        done = embed_files(predictor, [files[i] for i in new], lambda count: progress(len(files) - len(new) + count))
        rows |= {keys[new[index]]: row for index, row in zip(done.indices, done.embeddings, strict=True)}
        with self._lock:
            known.update({key: rows[key] for key in keys if key in rows})
        indices = [index for index, key in enumerate(keys) if key in rows]
        empty = np.empty((0, embedding_size(predictor.model)), dtype=np.float32)
        return Embedded(np.stack([rows[keys[i]] for i in indices]) if indices else empty, indices, done.skipped)


def hash_content(path: str | Path) -> bytes:
    """Return the SHA-256 of a file, or of its path if the file cannot be read."""
    try:
        with Path(path).open('rb') as file:
            return hashlib.file_digest(file, 'sha256').digest()
    except OSError:  # reported when the photo is loaded
        return hashlib.sha256(str(path).encode()).digest()


def stamp(path: str | Path) -> tuple[int, int, int]:
    """Return size in bytes and times of change in ns of a file, to detect changed content; zeros if it is gone."""
    try:
        told = os.stat(path)
    except OSError:  # reported when the photo is loaded
        return 0, 0, 0
    return told.st_size, told.st_mtime_ns, told.st_ctime_ns


def search(
    predictor: Predictor,
    queries: Sequence[PhotoFile],
    gallery: Sequence[PhotoFile],
    progress: Progress = no_progress,
    embed: Embed = embed_files,
    label_maps: Sequence[np.ndarray] | None = None,
) -> SearchResult:
    """Rank a gallery for each query.

    Args:
        embed: makes the embeddings of the gallery, or returns them from a cache.
        label_maps: of the queries, (H, W) in `LABELS`, of the size of `load_image(path, max_side=PHOTO_SIDE)`; used
            instead of the parser's.

    Raises:
        ImageError: a query cannot be used.
        ValueError: nothing in the gallery can be used.
    """
    photos = [load_image(query.path, query.name, PHOTO_SIDE) for query in queries]
    analyses = predictor.analyze(photos, label_maps)
    embedded = embed(predictor, gallery, progress)
    if not embedded.indices:
        raise ValueError(f'None of the gallery files can be used. {shorten(embedded.skipped)}')
    results = []
    for query, photo, one in zip(queries, photos, analyses, strict=True):
        matches = rank_embeddings(one.embedding, embedded.embeddings, LISTED)
        places = [(embedded.indices[match.index], match.similarity) for match in matches]
        ranking = [RankedPhoto(index, gallery[index].name, similarity) for index, similarity in places]
        photo_view = make_photo_view(photo, one.attention, one.label_map)
        results.append(QueryResult(query.name, one.embedding, photo_view, ranking))
    return SearchResult(results, embedded.skipped, len(embedded.indices))


def make_photo_views(predictor: Predictor, files: Sequence[PhotoFile]) -> list[PhotoView]:
    """Return what the model sees in each photo.

    Raises:
        ImageError: a photo cannot be used.
    """
    photo_views = []
    for start in range(0, len(files), CHUNK):
        photos = [load_image(file.path, file.name, PHOTO_SIDE) for file in files[start : start + CHUNK]]
        analyses = predictor.analyze(photos)
        pairs = zip(photos, analyses, strict=True)
        photo_views += [make_photo_view(photo, one.attention, one.label_map) for photo, one in pairs]
    return photo_views


def example_photos(kind: str) -> list[str]:
    """Return the paths of the bundled rendered photos, sorted; `kind` is `query` or `gallery`."""
    return [str(path) for path in sorted((EXAMPLES / kind).glob('*.jpg'))]


def example_gallery() -> list[PhotoFile]:
    """Return the bundled gallery."""
    return [PhotoFile(path, Path(path).name) for path in example_photos('gallery')]


def shorten(lines: Sequence[str], most: int = 5) -> str:
    """Return the first `most` lines as one sentence, with the number of those left out."""
    more = f'; and {len(lines) - most} more' if len(lines) > most else ''
    return '; '.join(lines[:most]) + more + '.'
