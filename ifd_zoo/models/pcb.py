"""PCB: part-based convolutional baseline.

Paper: Sun, Zheng, Yang, Tian, Wang, "Beyond Part Models: Person Retrieval with Refined Part Pooling (and a Strong
Convolutional Baseline)", ECCV 2018, https://arxiv.org/abs/1711.09349. The refined part pooling is left out.

Each stripe of the feature map is pooled to a vector g, reduced to a vector h, and has its own classifier. What the
paper leaves open follows its authors' code: one reduction for all stripes, with batch normalisation and ReLU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.models.baseline import Baseline
from ifd_zoo.models.layers import HeadOutput

STRIPES = 6
REDUCED = 256
"""Length of h."""


def pool_stripes(maps: Tensor) -> Tensor:
    """Average each of six horizontal stripes of a feature map, (B, C, h, w) to (B, C, 6).

    Neighbouring stripes share a row if the height is not a multiple of six.
    """
    height = maps.shape[-2]
    rows = [slice(i * height // STRIPES, -(-(i + 1) * height // STRIPES)) for i in range(STRIPES)]
    return torch.stack([maps[:, :, part].mean((-2, -1)) for part in rows], dim=-1)


class StripeHead(nn.Module):
    """Head with six stripes: their vectors g, and identity scores from their vectors h.

    Args:
        in_features: channels C of the feature map.
        num_classes: identities K; 0 leaves the classifiers out.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_features = STRIPES * in_features
        self.reduction = nn.Conv1d(in_features, REDUCED, 1, bias=False)
        self.neck = nn.BatchNorm1d(REDUCED)
        self.reset_classifier(num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifiers with new ones over `num_classes` identities; 0 removes them."""
        self.classifier = nn.Identity()
        if num_classes:
            self.classifier = nn.ModuleList(nn.Linear(REDUCED, num_classes) for _ in range(STRIPES))
            for part in self.classifier:
                nn.init.normal_(part.weight, std=0.001)
                nn.init.zeros_(part.bias)

    def forward(self, maps: Tensor) -> HeadOutput:
        """Return as embedding (B, 6 C) the g of all stripes, each of unit length, and as `pooled` the same unscaled."""
        stripes = pool_stripes(maps)  # (B, C, 6)
        unit = F.normalize(stripes.float(), dim=1)
        embedding, pooled = (values.transpose(1, 2).flatten(1) for values in (unit, stripes))
        if isinstance(self.classifier, nn.Identity):
            return HeadOutput(embedding, None, pooled)
        reduced = F.relu(self.neck(self.reduction(stripes))).unbind(-1)  # h, (B, 256) each
        logits = [part(values) for part, values in zip(self.classifier, reduced, strict=True)]
        return HeadOutput(embedding, torch.stack(logits, dim=1), pooled)


class PCB(Baseline):
    """The main stream with a head of six stripes.

    Args:
        backbone, num_classes, in_chans, last_stride: as for `Baseline`.
    """

    def __init__(
        self, backbone: str = 'resnet50.tv_in1k', num_classes: int = 0, in_chans: int = 3, *, last_stride: int = 1
    ) -> None:
        super().__init__(backbone, 0, in_chans, last_stride=last_stride)
        head = StripeHead(self.main_stream.backbone.num_features, num_classes)
        self.main_stream.head, self.num_classes, self.num_features = head, num_classes, head.num_features

    @property
    def neck_mean(self) -> Tensor:
        """Zero, as g is not the input of a neck."""
        return self.main_stream.head.neck.running_mean.new_zeros(())
