"""What a map of attention lies on: head, skin, clothing or background."""

from collections.abc import Sequence

import numpy as np

from ifd_zoo.labels import CLOTHING, class_indices

REGIONS = {
    'head': ('hair', 'face', 'hat'),
    'skin': ('neck', 'arms', 'legs'),
    'clothing': CLOTHING,
    'background': ('background',),
}
"""Name to classes of `ifd_zoo.labels.LABELS`, of which each is in one region."""


def evidence_shares(weights: np.ndarray, label_map: np.ndarray) -> dict[str, float]:
    """Share of the weight on each of `REGIONS`, in [0, 1]; together they are 1.

    Args:
        weights: (H, W), not negative: W_I, a heatmap of Grad-CAM, or ones for the regions' areas.
        label_map: (H, W) in `LABELS`.

    Raises:
        ValueError: the two differ in size, or there is no weight at all.
    """
    if weights.shape != label_map.shape:
        raise ValueError(f'weights of size {weights.shape} for a label map of size {label_map.shape} (H, W)')
    total = float(weights.sum(dtype=np.float64))
    if not total > 0:
        raise ValueError('there is no weight to share out')
    masks = {name: np.isin(label_map, class_indices(classes)) for name, classes in REGIONS.items()}
    return {name: float(weights[mask].sum(dtype=np.float64)) / total for name, mask in masks.items()}


def mean_evidence(weights: Sequence[np.ndarray], label_maps: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean of `evidence_shares` over photos, each of which counts alike; those without weight are left out.

    Args:
        weights, label_maps: of each photo, as for `evidence_shares`.

    Returns:
        the shares; empty where no photo has weight.
    """
    shares = [evidence_shares(*pair) for pair in zip(weights, label_maps, strict=True) if pair[0].any()]
    return {name: sum(one[name] for one in shares) / len(shares) for name in REGIONS} if shares else {}
