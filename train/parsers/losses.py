"""Losses of the parser, for targets that may be sets of labels."""

import numpy as np
import torch
from torch import Tensor, nn

from ifd_zoo.parsing.training_sources import allowed_table


class MergedCrossEntropy(nn.Module):
    """Cross-entropy with sets of labels as targets: -log of the summed softmax probabilities of the set.

    For sets of one label it is the usual cross-entropy. Computed in float32 from log-sum-exps.

    Args:
        allowed: (targets, K) bool, True for labels that satisfy a target; at least one each.
        weights: (targets,) weight of a pixel of each target in the mean; default: all equal.

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
        """Return the weighted mean over all pixels.

        Args:
            logits: (B, K, H, W).
            targets: (B, H, W), integer indices into `allowed`.
        """
        logits, targets = logits.float().movedim(1, -1), targets.long()  # (B, H, W, K), (B, H, W)
        inside = logits.masked_fill(~self.allowed[targets], -torch.inf)
        weights = self.weights[targets]
        return (weights * (logits.logsumexp(-1) - inside.logsumexp(-1))).sum() / weights.sum()


def balanced_weights(pixels: np.ndarray) -> Tensor:
    """Return softened frequency weights: targets rarer than the mean count up to twice as much, none counts less.

    After the median frequency balancing of Eigen & Fergus, "Predicting Depth, Surface Normals and Semantic Labels",
    https://arxiv.org/abs/1411.4734, but with a square root, as full balancing draws shoes and belts far too large. The
    limit of 2 suits an IoU of two thirds: predicting a pixel raises the IoU if its probability is above half the IoU.

    Args:
        pixels: (targets,) number of pixels of each target, in any unit.

    Returns:
        (targets,) float32; 1 for targets without pixels.
    """
    seen = pixels > 0
    weights = np.ones(len(pixels), dtype=np.float32)
    weights[seen] = np.clip(np.sqrt(pixels[seen].mean() / pixels[seen]), 1, 2)
    return torch.from_numpy(weights)


def exact_table() -> Tensor:
    """Return `allowed_table` as a tensor for `MergedCrossEntropy`."""
    return torch.from_numpy(allowed_table())
