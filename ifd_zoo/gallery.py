"""Search a gallery of photo files for the person of a query; files that cannot be used are named and skipped."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.explain import side_by_side, views
from ifd_zoo.images import ImageError, load_image
from ifd_zoo.predictor import Predictor, rank_embeddings

EXAMPLES = Path(__file__).resolve().parent / 'examples'
PHOTO_SIDE = 1024  # pixels; more than the networks see, and cheap to draw
CHUNK = 4  # photos between two steps of the progress


class PhotoFile(NamedTuple):
    path: str | Path
    name: str
    """As the user calls it, which after an upload is not how it is called on disk."""


class Found(NamedTuple):
    name: str
    similarity: float
    """Cosine, in [-1, 1]."""
    picture: Image.Image
    """Photo, attention and clothing side by side."""


class SearchResult(NamedTuple):
    query_views: list[tuple[Image.Image, str]]
    """Photo, attention (unless the model has none) and clothing of the query, each with a caption."""
    ranking: list[Found]
    """The usable photos of the gallery, best first."""
    skipped: list[str]
    """For each other file its name and what is wrong with it."""


def search(
    predictor: Predictor,
    query: PhotoFile,
    gallery: Sequence[PhotoFile],
    progress: Callable[[int], None] = lambda done: None,
) -> SearchResult:
    """Rank a gallery, and draw what the model sees in each photo.

    Args:
        progress: called with the number of gallery files done.

    Raises:
        ImageError: the query cannot be used.
        ValueError: nothing in the gallery can be used.
    """
    target = _study(predictor, [load_image(query.path, query.name, PHOTO_SIDE)])[0]
    names, embeddings, pictures, skipped = [], [], [], []
    for start in range(0, len(gallery), CHUNK):
        progress(start)
        photos, usable, unusable = _load(gallery[start : start + CHUNK])
        studied = _study(predictor, photos)
        names += usable
        skipped += unusable
        embeddings += [embedding for embedding, _ in studied]
        # One small picture of each photo is kept: a gallery may have hundreds of them.
        pictures += [side_by_side([picture for picture, _ in drawn]) for _, drawn in studied]
    if not names:
        raise ValueError(f'None of the gallery files can be used. {shorten(skipped)}')
    matches = rank_embeddings(target[0], np.stack(embeddings), len(names))
    ranking = [Found(names[match.index], match.similarity, pictures[match.index]) for match in matches]
    return SearchResult(target[1], ranking, skipped)


def example_photos(kind: str) -> list[str]:
    """Paths of the rendered photos that come with the package, sorted; `kind` is `query` or `gallery`."""
    return [str(path) for path in sorted((EXAMPLES / kind).glob('*.jpg'))]


def shorten(lines: Sequence[str], most: int = 5) -> str:
    """The first `most` lines as one sentence, and how many more there are."""
    more = f'; and {len(lines) - most} more' if len(lines) > most else ''
    return '; '.join(lines[:most]) + more + '.'


def _load(files: Sequence[PhotoFile]) -> tuple[list[Image.Image], list[str], list[str]]:
    """Photos, their names, and messages about the files that are none."""
    photos, names, messages = [], [], []
    for file in files:
        try:
            photos.append(load_image(file.path, file.name, PHOTO_SIDE))
            names.append(file.name)
        except ImageError as error:
            messages.append(str(error))
    return photos, names, messages


def _study(predictor: Predictor, photos: Sequence[Image.Image]) -> list[tuple[np.ndarray, list]]:
    """For each photo its embedding (D,) and its `views`."""
    analyses = predictor.analyze(photos)
    return [
        (one.embedding, views(photo, one.attention, one.clothing)) for photo, one in zip(photos, analyses, strict=True)
    ]
