"""Clothing sensitivity: how far a model's similarities move when only the clothes change."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.images.loading import load_image
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import ImageSource, Predictor
from ifd_zoo.recolour.changes import WARDROBE, Change


class Outfits(NamedTuple):
    """One photo in other clothes."""

    names: tuple[str, ...]
    """Names of the E changes that apply."""
    pictures: tuple[Image.Image, ...]
    """One for each name."""
    left_out: tuple[str, ...]
    """Names of the changes that do not apply because the photo shows no such clothes."""


class Sensitivity(NamedTuple):
    """Clothing sensitivity of one model, for one query, G gallery photos and E changes of clothes."""

    value: float
    """S, in [0, 2]; 0 for a model that ignores these clothes entirely."""
    base: np.ndarray
    """(G,) float32: cosine similarity of the unchanged query to each gallery photo."""
    changed: np.ndarray
    """(E, G) float32: the same after each change."""
    outfits: Outfits


def try_on(photo: Image.Image, label_map: np.ndarray, changes: Sequence[Change] = WARDROBE) -> Outfits:
    """Apply all changes that fit the photo.

    Args:
        photo: RGB.
        label_map: (H, W) in `LABELS`.

    Raises:
        ValueError: the label map has another size than the photo.
    """
    fitting = [change for change in changes if change.edit.applies(label_map)]
    return Outfits(
        tuple(change.name for change in fitting),
        tuple(change.edit.apply(photo, label_map) for change in fitting),
        tuple(change.name for change in changes if change not in fitting),
    )


def clothing_sensitivity(
    predictor: Predictor,
    query: ImageSource,
    gallery: np.ndarray,
    label_map: np.ndarray | None = None,
    changes: Sequence[Change] = WARDROBE,
) -> Sensitivity:
    """Compute the mean absolute change of similarity over a set of changes e and a gallery g,

        S = 1 / (E G) sum_e sum_g |cos(f(q_e), f(g)) - cos(f(q), f(g))|

    with f the test feature and q_e the query in the clothes of e. The query is parsed once: a change moves no clothes,
    so every q_e shares the label map of q, and only what the model sees changes, not where it is told to look. S is in
    units of the cosine: to compare two models, see also how far apart their similarities are (`base`).

    Args:
        predictor: of the model.
        query: see `ifd_zoo.images.loading.load_image`.
        gallery: embeddings (G, D) by the same predictor, unit length; at least one.
        label_map: of the query, (H, W) in `LABELS`; by default made by the predictor's parser.

    Raises:
        ImageError: the query cannot be used.
        ValueError: the gallery is empty or from another model, or no change applies to the query.
    """
    width = embedding_size(predictor.model)
    if gallery.ndim != 2 or len(gallery) == 0 or gallery.shape[1] != width:
        raise ValueError(f'the gallery must be embeddings of shape (G, {width}), at least one, got {gallery.shape}')
    photo = load_image(query)
    if label_map is None:
        label_map = predictor.parser.parse([photo])[0]
    outfits = try_on(photo, label_map, changes)
    if not outfits.names:
        raise ValueError('no clothes to change were found in the query: choose another photo, or another parser')
    pictures = [photo, *outfits.pictures]
    similarity = np.clip(predictor.embed(pictures, [label_map] * len(pictures)) @ gallery.T, -1, 1)
    base, changed = similarity[0], similarity[1:]
    return Sensitivity(float(np.abs(changed - base).mean()), base, changed, outfits)
