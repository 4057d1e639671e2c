"""Models compared on the same photos: their similarities, where they look, and how clothes move the similarities."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.explain.overlays import attention_overlay, resize_map
from ifd_zoo.explain.region_shares import mean_evidence
from ifd_zoo.predictor import Predictor
from ifd_zoo.recolour import Edit, Series, clothing_sensitivity

ROLES = ('anchor', 'same person, other clothes', 'other person, similar clothes')
SHOWN = 10  # gallery photos in a chart


class Comparison(NamedTuple):
    """Results of one model for three photos."""

    name: str
    similarities: tuple[float, float]
    """Cosine of the anchor with the positive, and with the negative."""
    pictures: list[Image.Image]
    """Grad-CAM overlays: positive and negative for their similarity to the anchor, the anchor for that to the positive.
    """
    shares: dict[str, float]
    """Regions that make anchor and positive similar: `mean_evidence` of their Grad-CAM."""


class Movement(NamedTuple):
    """How the similarities of a query to its best gallery photos move, for one or more models."""

    names: list[str]
    """Names of the gallery photos, best first by the first model."""
    by_edit: list[Series]
    """For the single edit."""
    by_wardrobe: list[Series]
    """For the fixed set of changes `WARDROBE`."""
    sensitivity: dict[str, float]
    """S of `clothing_sensitivity` over the whole gallery, by model name."""
    left_out: tuple[str, ...]
    """Changes of the set that do not apply to the query."""


def heatmaps(
    predictor: Predictor,
    photos: Sequence[Image.Image],
    label_maps: Sequence[np.ndarray],
    references: np.ndarray,
) -> list[np.ndarray]:
    """Return Grad-CAM of the similarity of each photo to a reference: (H, W) float32 in [0, 1] at the photo's size.

    Args:
        label_maps: of the photos, (H, W) in `LABELS`.
        references: embeddings (1, D), or one for each photo.
    """
    found = []
    for index, (photo, label_map) in enumerate(zip(photos, label_maps, strict=True)):
        sample = predictor.transform(photo, label_map)
        image, masked = (tensor[None].to(predictor.device) for tensor in (sample.image, sample.masked))
        reference = torch.from_numpy(references[[min(index, len(references) - 1)]]).to(predictor.device)
        found.append(resize_map(gradcam(predictor.model, image, masked, reference).heatmap[0], photo.size))
    return found


def compare(
    predictors: Mapping[str, Predictor],
    photos: Sequence[Image.Image],
    opacity: float = 0.5,
) -> list[Comparison]:
    """Compare models on three photos, as in Fig. 3 of the paper.

    Args:
        predictors: by model name; they share a parser.
        photos: anchor, positive and negative, RGB.
        opacity: of the heatmaps, in [0, 1].
    """
    results, label_maps = [], None
    for name, predictor in predictors.items():
        analyses = predictor.analyze(photos, label_maps)
        label_maps = [one.label_map for one in analyses]
        embeddings = np.stack([one.embedding for one in analyses])
        maps = heatmaps(predictor, photos, label_maps, embeddings[[1, 0, 0]])
        pictures = [attention_overlay(*pair, opacity) for pair in zip(photos, maps, strict=True)]
        positive, negative = (embeddings[1:] @ embeddings[0]).tolist()
        shares = mean_evidence(maps[:2], label_maps[:2])
        results.append(Comparison(name, (positive, negative), pictures, shares))
    return results


def movement(
    predictors: Mapping[str, Predictor],
    query: Image.Image,
    label_map: np.ndarray,
    gallery: Mapping[str, tuple[Sequence[str], np.ndarray]],
    edit: Edit,
) -> Movement:
    """Measure how the similarities of a query move when its clothes change.

    Args:
        predictors: by model name.
        query: RGB.
        label_map: of the query, (H, W) in `LABELS`.
        gallery: for each model the names of G photos and their embeddings (G, D).
        edit: a single change, shown beside the fixed set.

    Raises:
        ValueError: the edit or every change of the set does not apply to the query, or the gallery is empty.
    """
    changed = edit.apply(query, label_map)
    names, best, movement = [], [], Movement([], [], [], {}, ())
    for name, predictor in predictors.items():
        names, embeddings = gallery[name]
        result = clothing_sensitivity(predictor, query, embeddings, label_map)
        if not movement.sensitivity:
            best = np.argsort(-result.base, kind='stable')[:SHOWN]
            movement = movement._replace(names=[names[i] for i in best], left_out=result.outfits.left_out)
        moved = np.clip(predictor.embed([changed], [label_map]) @ embeddings.T, -1, 1)
        movement.by_edit.append(Series(name, result.base[best], moved[:, best]))
        movement.by_wardrobe.append(Series(name, result.base[best], result.changed[:, best]))
        movement.sensitivity[name] = result.value
    return movement
