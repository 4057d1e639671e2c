"""Pooling and identity head, which follow the backbone of each stream, and the output of a network."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ifd_zoo.common.choices import POOLS


class GlobalPool(nn.Module):
    """Pooling of a feature map to a vector.

    Args:
        mode: `avg` (global average pooling) or `max_avg` (maximum and average concatenated, as in CAL), which doubles
            the length of the vector.
    """

    def __init__(self, mode: str = 'avg') -> None:
        super().__init__()
        if mode not in POOLS:
            raise ValueError(f'pool must be one of {", ".join(POOLS)}, got {mode!r}')
        self.mode = mode
        self.factor = 2 if mode == 'max_avg' else 1

    def forward(self, maps: Tensor) -> Tensor:
        average = maps.mean((-2, -1))
        if self.mode == 'avg':
            return average  # (B, C)
        return torch.cat([maps.amax((-2, -1)), average], dim=1)  # (B, 2C)


class HeadOutput(NamedTuple):
    embedding: Tensor
    """(B, D), after the BN neck, not normalised."""
    logits: Tensor | None
    """(B, K) identity scores, or (B, S, K) for S classifiers; None without classifier."""
    pooled: Tensor
    """(B, D), before the BN neck."""


class IdentityHead(nn.Module):
    """Pooling, BN neck and linear classifier without bias (Luo et al., "Bag of tricks", CVPRW 2019).

    Args:
        in_features: channels C of the feature map.
        num_classes: identities K; 0 leaves the classifier out.
        pool: see `GlobalPool`.
        neck_affine: give the neck a gain and a bias per channel; without them it only standardises.
    """

    def __init__(self, in_features: int, num_classes: int, pool: str = 'avg', neck_affine: bool = True) -> None:
        super().__init__()
        self.pool = GlobalPool(pool)
        self.num_features = in_features * self.pool.factor
        self.neck = nn.BatchNorm1d(self.num_features, affine=neck_affine)
        self.reset_classifier(num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier with a new one over `num_classes` identities; 0 removes it."""
        self.classifier = nn.Linear(self.num_features, num_classes, bias=False) if num_classes else nn.Identity()
        if num_classes:
            nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, maps: Tensor) -> HeadOutput:
        pooled = self.pool(maps)  # (B, D)
        embedding = self.neck(pooled)
        has_classifier = isinstance(self.classifier, nn.Linear)
        return HeadOutput(embedding, self.classifier(embedding) if has_classifier else None, pooled)


class IFDOutput(NamedTuple):
    embedding: Tensor
    """(B, D), after the main stream's BN neck, not normalised."""
    attention: Tensor | None
    """W_I (B, 1, h, w) in [0, 1]; None for a model without attention."""
    main_logits: Tensor | None
    """(B, K), or (B, S, K) for S classifiers; None without classifier."""
    attention_logits: Tensor | None
    """(B, K); None for a single stream or without classifier."""
    clothing_features: Tensor | None
    """f_c (B, C) of `ClothingBiasDiminishing`; None without clothing mask or CBD."""
    pooled: Tensor | None = None
    """(B, D): pooled F_rg, or F_g without attention, before the main stream's BN neck."""
    attention_embedding: Tensor | None = None
    """(B, D), after the attention stream's BN neck, not normalised; None for a single stream."""
