"""Shares of an attention map on head, skin, clothing and background."""

from collections.abc import Sequence

import numpy as np

from ifd_zoo.labels import CLOTHING, class_indices

REGIONS = {
    'head': ('hair', 'face', 'hat'),
    'skin': ('neck', 'arms', 'legs'),
    'clothing': CLOTHING,
    'background': ('background',),
}
"""Name to classes of `ifd_zoo.labels.LABELS`; each class is in exactly one region."""


def evidence_shares(weights: np.ndarray, label_map: np.ndarray) -> dict[str, float]:
    """Return the share of the weight on each of `REGIONS`, in [0, 1]; the shares sum to 1.

    Args:
        weights: (H, W), non-negative: W_I, a Grad-CAM heatmap, or ones for the areas of the regions.
        label_map: (H, W), indices in `LABELS`.

    Raises:
        ValueError: the two differ in size, or the weights sum to 0.
    """
    if weights.shape != label_map.shape:
        raise ValueError(f'weights of size {weights.shape} for a label map of size {label_map.shape} (H, W)')
    total = float(weights.sum(dtype=np.float64))
    if not total > 0:
        raise ValueError('the sum of the weights must be above 0')
    masks = {name: np.isin(label_map, class_indices(classes)) for name, classes in REGIONS.items()}
    return {name: float(weights[mask].sum(dtype=np.float64)) / total for name, mask in masks.items()}


def mean_evidence(weights: Sequence[np.ndarray], label_maps: Sequence[np.ndarray]) -> dict[str, float]:
    """Average `evidence_shares` over photos with equal weight; photos whose weights are all 0 are skipped.

    Args:
        weights, label_maps: one of each per photo, as for `evidence_shares`.

    Returns:
        The mean shares; empty if all photos are skipped.
    """
    shares = [evidence_shares(*pair) for pair in zip(weights, label_maps, strict=True) if pair[0].any()]
    return {name: sum(one[name] for one in shares) / len(shares) for name in REGIONS} if shares else {}
