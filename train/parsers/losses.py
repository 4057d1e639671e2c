"""What the parser is trained with, where a pixel's target may be a set of labels."""

import numpy as np
import torch
from torch import Tensor, nn

from ifd_zoo.parsing.training_sources import allowed_table


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
    """Softened frequency balancing: targets rarer than the mean count more, up to twofold, none counts less.

    After the median frequency balancing of Eigen & Fergus, "Predicting Depth, Surface Normals and Semantic Labels",
    https://arxiv.org/abs/1411.4734; under a square root, as full balancing draws shoes and belts far too large. Twofold
    suits an IoU of two thirds: a pixel gains IoU once its probability is above half of the IoU.

    Args:
        pixels: (targets,) number of pixels of each target.

    Returns:
        (targets,) float32; 1 where there are no pixels.
    """
    seen = pixels > 0
    weights = np.ones(len(pixels), dtype=np.float32)
    weights[seen] = np.clip(np.sqrt(pixels[seen].mean() / pixels[seen]), 1, 2)
    return torch.from_numpy(weights)


def exact_table() -> Tensor:
    """`allowed_table` as a tensor for `MergedCrossEntropy`."""
    return torch.from_numpy(allowed_table())
