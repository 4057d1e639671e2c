"""AIM: a causality-based auto-intervention model.

Paper: Yang, Lin, Zhong, Wu, Wang, "Good is Bad: Causality Inspired Cloth-debiasing for Cloth-changing Person
Re-identification", CVPR 2023.

To CAL comes a second stream that learns to tell outfits. What it looks at is laid as attention over the identity
stream's feature map; the feature that comes of it stands for what clothes lend to the identity, and the identity
feature has to do without it as well. Only the identity stream is released: at test AIM is CAL's network.

The paper leaves open, or is taken here to leave open, the following; the answers are those of its authors' code except
where it says "ours".

- Pooling of the stripes: maximum, each with a reduction of its own to 256 numbers.
- Gradients: the attention's go into the identity stream and the fusion, not into the clothes stream; those of the
  divergence into the clothes stream alone.
- The probabilities of the divergence are of bare cosines, without the scale, and it is summed over the images.
- The classifier of the difference is the identity classifier; it and the adversarial loss begin together, and the
  clothes stream learns from the beginning.
- All weights are 1.
- Ours: the clothes stream starts from the weights that the identity stream starts from, and one optimiser steps for
  both; both streams see the same augmented image; a map of fewer than eight rows has stripes that share rows.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.models import IFDOutput
from train.config import Config
from train.methods.cal import SCALE, START, CALTask, CosineClassifier

SCALES = (1, 2, 4, 8)
"""Numbers of stripes."""
REDUCED = 256
"""Numbers that a stripe is reduced to."""
ATTENTIONS = 8
"""Attention maps."""
SMALLEST = 1e-12
"""Added below the square root, whose gradient at 0 is infinite."""


def max_pool_stripes(maps: Tensor) -> Tensor:
    """Maximum of each stripe of each of `SCALES`, (B, C, h, w) to (B, 15, C), coarse scales first."""
    pooled = [F.adaptive_max_pool2d(maps, (stripes, 1))[..., 0] for stripes in SCALES]
    return torch.cat(pooled, dim=2).transpose(1, 2)


class StripePyramid(nn.Module):
    """The clothes stream's head: all stripes, each reduced on its own, as one feature.

    Args:
        in_features: channels C of the feature map.
        num_features: D.
    """

    def __init__(self, in_features: int, num_features: int) -> None:
        super().__init__()
        stripes = sum(SCALES)
        self.reduction = nn.Conv1d(stripes * in_features, stripes * REDUCED, 1, groups=stripes, bias=False)
        self.norm = nn.BatchNorm1d(stripes * REDUCED)
        self.linear = nn.Linear(stripes * REDUCED, num_features, bias=False)
        self.neck = nn.BatchNorm1d(num_features)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) to (B, D)."""
        stripes = max_pool_stripes(maps).flatten(1)[..., None]  # (B, 15 C, 1)
        return self.neck(self.linear(F.relu(self.norm(self.reduction(stripes)[..., 0]))))


class AttentionFusion(nn.Module):
    """Bilinear pooling of a feature map with attention maps made of another.

    Args:
        in_features: channels C of both maps.
        num_features: D.
    """

    def __init__(self, in_features: int, num_features: int) -> None:
        super().__init__()
        self.attention = nn.Conv2d(in_features, ATTENTIONS, 1, bias=False)
        self.norm = nn.BatchNorm2d(ATTENTIONS)
        self.linear = nn.Linear(ATTENTIONS * in_features, num_features, bias=False)
        self.neck = nn.BatchNorm1d(num_features)
        nn.init.normal_(self.linear.weight, std=0.001)

    def pool(self, maps: Tensor, attended: Tensor) -> Tensor:
        """The pooled vector (B, 8 C) of unit length, of `maps` and of what the attention is made of, (B, C, h, w)."""
        attention = F.relu(self.norm(self.attention(attended))).flatten(2).float()  # (B, 8, hw)
        with torch.autocast(maps.device.type, enabled=False):
            products = attention @ maps.flatten(2).float().transpose(1, 2) / attention.shape[-1]  # (B, 8, C)
        products = products.flatten(1)
        return F.normalize(products.sign() * (products.abs() + SMALLEST).sqrt(), dim=1)

    def forward(self, maps: Tensor, attended: Tensor) -> Tensor:
        """(B, D), comparable with what comes out of the identity stream's neck."""
        return self.neck(self.linear(self.pool(maps, attended)))


def symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """KL(P|Q) + KL(Q|P) of the probabilities of scores (N, M) twice, summed over the images."""
    logs = first.log_softmax(1), second.log_softmax(1)
    return ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum()


class AIMTask(CALTask):
    """The losses of CAL, those of the clothes stream, and the identity loss of what is left without it."""

    def __init__(self, model: nn.Module, config: Config, dataset: ReIDDataset) -> None:
        super().__init__(model, config, dataset)
        channels = model.main_stream.backbone.num_features
        self.clothes_stream = nn.ModuleDict({
            'backbone': copy.deepcopy(model.main_stream.backbone),
            'head': StripePyramid(channels, model.num_features),
            'classifier': CosineClassifier(model.num_features, len(self.names)),
        })
        self.fusion = AttentionFusion(channels, model.num_features)

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        stream, aside = self.model.main_stream, self.clothes_stream
        maps, clothes_maps = stream.backbone(batch['image']), aside['backbone'](batch['image'])
        head = stream.head(maps)
        output = IFDOutput(head.embedding, None, head.logits, None, None, head.pooled)
        losses = self.losses(output, batch, progress)
        known, outfits = self.outfits(batch)
        cosines = aside['classifier'](aside['head'](clothes_maps)[known])
        if known.any():
            losses['clothes_stream'] = self.clothes(SCALE * cosines, outfits)
        if progress < START:
            return losses
        with torch.no_grad():
            told = self.clothes_classifier(head.embedding[known])
        left = head.embedding - self.fusion(maps, clothes_maps.detach())
        losses['transfer'] = symmetric_divergence(told, cosines)
        losses['id_left'] = self.identity(stream.head.classifier(left), batch['pid'])
        return losses
