"""What the parser is trained with and measured by, where a pixel's target may be a set of labels."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from ifd_zoo.parsing.labels import CLOTHING, LABELS, class_indices
from ifd_zoo.parsing.parser import Parser
from ifd_zoo.parsing.sources import BODY, TARGETS, allowed_table, clothing_targets

CHUNK = 64  # pictures held in memory at a time while measuring


class MergedCrossEntropy(nn.Module):
    """Cross-entropy towards sets of labels: -log of the summed softmax probabilities of the labels in the set.

    With sets of one label it is the usual cross-entropy. Computed in float32 from log-sum-exps.

    Args:
        allowed: (targets, K) bool, which labels satisfy a target; at least one each.
        weights: (targets,) how much a pixel of each target counts in the mean; all alike by default.

    Raises:
        ValueError: a target allows no label.
    """

    def __init__(self, allowed: Tensor, weights: Tensor | None = None) -> None:
        super().__init__()
        if not allowed.any(1).all():
            raise ValueError('every target must allow at least one label')
        self.register_buffer('allowed', allowed)
        self.register_buffer('weights', torch.ones(len(allowed)) if weights is None else weights)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Weighted mean over all pixels.

        Args:
            logits: (B, K, H, W).
            targets: (B, H, W), integer positions in `allowed`.
        """
        logits, targets = logits.float().movedim(1, -1), targets.long()  # (B, H, W, K), (B, H, W)
        inside = logits.masked_fill(~self.allowed[targets], -torch.inf)
        weights = self.weights[targets]
        return (weights * (logits.logsumexp(-1) - inside.logsumexp(-1))).sum() / weights.sum()


def balanced_weights(pixels: np.ndarray) -> Tensor:
    """Softened frequency balancing: targets rarer than the mean count more, up to threefold, none counts less.

    After the median frequency balancing of Eigen & Fergus, "Predicting Depth, Surface Normals and Semantic Labels",
    https://arxiv.org/abs/1411.4734; under a square root, as full balancing draws shoes and belts far too large.

    Args:
        pixels: (targets,) number of pixels of each target.

    Returns:
        (targets,) float32; 1 where there are no pixels.
    """
    seen = pixels > 0
    weights = np.ones(len(pixels), dtype=np.float32)
    weights[seen] = np.clip(np.sqrt(pixels[seen].mean() / pixels[seen]), 1, 3)
    return torch.from_numpy(weights)


def count_pixels(parser: Parser, source: Iterable) -> np.ndarray:
    """How often each target was parsed as each label: (targets, K) int64.

    Args:
        source: has `len` and gives (image, targets of that size) by index.
    """
    counts = np.zeros((len(TARGETS), len(LABELS)), dtype=np.int64)
    for start in range(0, len(source), CHUNK):
        pairs = [source[index] for index in range(start, min(start + CHUNK, len(source)))]
        for label_map, (_, targets) in zip(parser.parse([image for image, _ in pairs]), pairs, strict=True):
            cells = targets.astype(np.int64) * len(LABELS) + label_map
            counts += np.bincount(cells.ravel(), minlength=counts.size).reshape(counts.shape)
    return counts


def figures(counts: np.ndarray) -> dict:
    """Intersection over union (IoU), in [0, 1], from the counts of `count_pixels`.

    A pixel whose set holds the parsed label counts as right and is left out of the IoU of all other labels.

    Returns:
        `miou`: mean over `classes`; `classes`: labels that occur as an exact target; `clothing`: of the clothing mask,
        without targets that leave open whether they are clothing; `skin`: face, arms, legs and neck as one, where the
        source has that target.
    """
    classes = {}
    for index, name in enumerate(LABELS):
        if counts[index].sum():
            missed = counts[index].sum() - counts[index, index]
            classes[name] = _iou(counts[allowed_table()[:, index], index].sum(), missed, counts[:, index].sum())
    result = {'miou': round(float(np.mean(list(classes.values()))), 4), 'clothing': _clothing_iou(counts)}
    skin = TARGETS.index(BODY)
    if counts[skin].sum():
        columns = list(class_indices(BODY))
        right, parsed = counts[skin, columns].sum(), counts[:, columns].sum()
        result['skin'] = _iou(right, counts[skin].sum() - right, parsed)
    return {**result, 'classes': classes}


def measure(parser: Parser, sources: Mapping[str, Dataset], most: int | None = None) -> dict[str, dict]:
    """Figures for each validation source; at most so many pictures, evenly spread."""
    result = {}
    for name, source in sources.items():
        step = max(1, len(source) // most) if most else 1
        result[name] = figures(count_pixels(parser, Subset(source, range(0, len(source), step))))
    return result


def _clothing_iou(counts: np.ndarray) -> float:
    is_clothing, unclear = clothing_targets()
    columns = list(class_indices(CLOTHING))
    right = counts[is_clothing][:, columns].sum()
    return _iou(right, counts[is_clothing].sum() - right, counts[~unclear][:, columns].sum())


def _iou(right: int, missed: int, parsed: int) -> float:
    """Right over the union of what was parsed (right ones included) and what was missed."""
    return round(float(right / max(parsed + missed, 1)), 4)


def exact_table() -> Tensor:
    """`allowed_table` as a tensor for `MergedCrossEntropy`."""
    return torch.from_numpy(allowed_table())
