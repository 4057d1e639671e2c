"""AIM, a causality-based auto-intervention model.

Paper: Yang, Lin, Zhong, Wu, Wang, "Good is Bad: Causality Inspired Cloth-debiasing for Cloth-changing Person
Re-identification", CVPR 2023.

AIM adds to CAL a second stream that learns to classify outfits. Its feature map gives attention maps that pool the
identity stream's feature map; the result stands for what clothes contribute to the identity, and the identity feature
has to work without it as well. Only the identity stream is released: at test time AIM is CAL's network.

The paper leaves the following open, or seems to; the choices are those of its authors' code unless marked "ours".

- Stripes are max-pooled, each with its own reduction to 256 channels.
- Gradients of the attention go into the identity stream and the fusion, not into the clothes stream; those of the
  divergence go into the clothes stream alone.
- The divergence is between softmax probabilities of cosines without the scale, summed over the images.
- The difference is classified by the identity classifier; this loss and the adversarial loss start together, while the
  clothes stream learns from the beginning.
- All weights are 1.
- Ours: the clothes stream starts from the same weights as the identity stream, and one optimiser updates both; both
  streams see the same augmented image; in a feature map of fewer than eight rows, stripes share rows.
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
"""Numbers of stripes, one per scale."""
REDUCED = 256
"""Channels of a stripe after its reduction."""
ATTENTIONS = 8
"""Number of attention maps."""
SMALLEST = 1e-12
"""Added under the square root, whose gradient at 0 is infinite."""


def max_pool_stripes(maps: Tensor) -> Tensor:
    """Max-pool each stripe of each of `SCALES`, (B, C, h, w) to (B, 15, C), coarse scales first."""
    pooled = [F.adaptive_max_pool2d(maps, (stripes, 1))[..., 0] for stripes in SCALES]
    return torch.cat(pooled, dim=2).transpose(1, 2)


class StripePyramid(nn.Module):
    """Head of the clothes stream: all stripes, each with its own reduction, joined to one feature.

    Args:
        in_features: channels C of the feature map.
        num_features: length D of the feature.
    """

    def __init__(self, in_features: int, num_features: int) -> None:
        super().__init__()
        stripes = sum(SCALES)
        self.reduction = nn.Conv1d(stripes * in_features, stripes * REDUCED, 1, groups=stripes, bias=False)
        self.norm = nn.BatchNorm1d(stripes * REDUCED)
        self.linear = nn.Linear(stripes * REDUCED, num_features, bias=False)
        self.neck = nn.BatchNorm1d(num_features)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, D)."""
        stripes = max_pool_stripes(maps).flatten(1)[..., None]  # (B, 15 C, 1)
        return self.neck(self.linear(F.relu(self.norm(self.reduction(stripes)[..., 0]))))


class AttentionFusion(nn.Module):
    """Bilinear pooling of a feature map with attention maps computed from another one.

    Args:
        in_features: channels C of both maps.
        num_features: length D of the feature.
    """

    def __init__(self, in_features: int, num_features: int) -> None:
        super().__init__()
        self.attention = nn.Conv2d(in_features, ATTENTIONS, 1, bias=False)
        self.norm = nn.BatchNorm2d(ATTENTIONS)
        self.linear = nn.Linear(ATTENTIONS * in_features, num_features, bias=False)
        self.neck = nn.BatchNorm1d(num_features)
        nn.init.normal_(self.linear.weight, std=0.001)

    def pool(self, maps: Tensor, attended: Tensor) -> Tensor:
        """Pool `maps` with attention from `attended`, both (B, C, h, w), to a vector (B, 8 C) of unit length."""
        attention = F.relu(self.norm(self.attention(attended))).flatten(2).float()  # (B, 8, hw)
        with torch.autocast(maps.device.type, enabled=False):
            products = attention @ maps.flatten(2).float().transpose(1, 2) / attention.shape[-1]  # (B, 8, C)
        products = products.flatten(1)
        return F.normalize(products.sign() * (products.abs() + SMALLEST).sqrt(), dim=1)

    def forward(self, maps: Tensor, attended: Tensor) -> Tensor:
        """Return (B, D), comparable with the output of the identity stream's neck."""
        return self.neck(self.linear(self.pool(maps, attended)))


def symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """Return KL(P|Q) + KL(Q|P) of the softmax of two (N, M) score matrices, summed over the images."""
    logs = first.log_softmax(1), second.log_softmax(1)
    return ((logs[0].exp() - logs[1].exp()) * (logs[0] - logs[1])).sum()


class AIMTask(CALTask):
    """Losses of CAL and of the clothes stream, and the identity loss of the feature without the clothes' part."""

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
            clothes_cosines = self.clothes_classifier(head.embedding[known])
        left = head.embedding - self.fusion(maps, clothes_maps.detach())
        losses['transfer'] = symmetric_divergence(clothes_cosines, cosines)
        losses['id_left'] = self.identity(stream.head.classifier(left), batch['pid'])
        return losses
