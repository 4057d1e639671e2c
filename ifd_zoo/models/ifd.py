"""IFD: Identity-aware Feature Decoupling for clothing-change person re-identification.

Paper: Xu, Li, Niu, "Identity-aware Feature Decoupling Learning for Clothing-change Person Re-identification",
ICASSP 2025, https://arxiv.org/abs/2501.05851. No code was published with it. What the paper leaves open is a named
option here, listed in train/README.md under "Where the paper is silent".

There are two backbones of the same type without shared weights. The *attention stream* sees the clothing-masked image M
and guides the *main stream*, through the identity attention W_I, to where identity is (IKT). The clothing bias
diminishing module (CBD) reads clothing features from the main stream, for the clothing contrastive loss (CCL).

Letters in shape comments: B batch, C channels, H W image, h w feature map, D embedding, K identities.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.common.choices import CLOTHING_RESIZES
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.models.layers import HeadOutput, IdentityHead, IFDOutput
from ifd_zoo.models.network import Network


class Stream(nn.Module):
    """A backbone and its identity head; stage 1 trains one on its own (section II.C)."""

    def __init__(
        self,
        backbone: str,
        num_classes: int,
        in_chans: int = 3,
        pool: str = 'avg',
        last_stride: int = 1,
        neck_affine: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = Backbone(backbone, in_chans, last_stride)
        self.head = IdentityHead(self.backbone.num_features, num_classes, pool, neck_affine)

    def forward(self, x: Tensor) -> HeadOutput:
        return self.head(self.backbone(x))


class IdentityKnowledgeTransfer(nn.Module):
    """IKT, eq. 1: the identity attention W_I from the attention stream's feature map.

    The convolution is 7x7 without bias, as in the spatial attention of CBAM that the paper builds on [27].
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        pooled = torch.cat([maps.amax(1, keepdim=True), maps.mean(1, keepdim=True)], dim=1)  # (B, 2, h, w)
        return torch.sigmoid(self.conv(pooled))  # W_I (B, 1, h, w)


class ClothingBiasDiminishing(nn.Module):
    """CBD, eq. 3 and the text after it: one clothing feature f_c per image.

    Args:
        num_features: channels C of the feature map.
        resize: `area` makes W_c the share of clothing in each cell, `nearest` a hard 0 or 1.
        normalize: scale f_c to unit length (the paper does not say). Otherwise eq. 4 grows with the features' length.

    Raises:
        ValueError: `resize` is unknown.
    """

    def __init__(self, num_features: int, resize: str = 'area', normalize: bool = True) -> None:
        super().__init__()
        if resize not in CLOTHING_RESIZES:
            raise ValueError(f'resize must be one of {", ".join(CLOTHING_RESIZES)}, got {resize!r}')
        self.norm = nn.BatchNorm2d(num_features)
        self.resize = resize
        self.normalize = normalize

    def forward(self, maps: Tensor, clothing: Tensor) -> Tensor:
        """Return the clothing features.

        Args:
            maps: F_rg (B, C, h, w).
            clothing: psi (B, 1, H, W) in {0, 1}.

        Returns:
            f_c (B, C) float32.
        """
        share = F.interpolate(clothing.to(maps.dtype), maps.shape[-2:], mode=self.resize)  # W_c (B, 1, h, w)
        clothing_maps = self.norm(share * maps)  # F_c (B, C, h, w)
        features = clothing_maps.mean((-2, -1)).float()
        return F.normalize(features, dim=1) if self.normalize else features


class IFD(Network):
    """The dual-stream network of Fig. 2.

    Args:
        backbone: timm name, the same for both streams.
        num_classes: training identities K; 0 for a model without classifiers (a release).
        in_chans: image channels.
        pool: `avg` or `max_avg`, see `GlobalPool`.
        cbd: include the clothing bias diminishing module; without it this is the paper's "w/ IKT".
        detach_attention: keep the gradient of L_ID^m out of the attention stream.
        last_stride: see `Backbone`.
        neck_affine: see `IdentityHead`.
        ikt_kernel: see `IdentityKnowledgeTransfer`.
        clothing_resize, clothing_normalize: see `ClothingBiasDiminishing`.
    """

    needs_mask = gives_attention = True

    def __init__(
        self,
        backbone: str = 'resnet50.tv_in1k',
        num_classes: int = 0,
        in_chans: int = 3,
        pool: str = 'avg',
        cbd: bool = True,
        *,
        detach_attention: bool = False,
        last_stride: int = 1,
        neck_affine: bool = True,
        ikt_kernel: int = 7,
        clothing_resize: str = 'area',
        clothing_normalize: bool = True,
    ) -> None:
        super().__init__()
        self.main_stream = Stream(backbone, num_classes, in_chans, pool, last_stride, neck_affine)
        self.attention_stream = Stream(backbone, num_classes, in_chans, pool, last_stride, neck_affine)
        channels = self.main_stream.backbone.num_features
        self.ikt = IdentityKnowledgeTransfer(ikt_kernel)
        self.cbd = ClothingBiasDiminishing(channels, clothing_resize, clothing_normalize) if cbd else None
        self.detach_attention = detach_attention
        self.num_classes = num_classes
        self.num_features = self.main_stream.head.num_features

    def forward(self, image: Tensor, masked: Tensor | None = None, clothing: Tensor | None = None) -> IFDOutput:
        """Run both streams.

        Args:
            image: I (B, 3, H, W), normalised.
            masked: clothing-masked image M (B, 3, H, W), normalised; default: the whole image.
            clothing: psi (B, 1, H, W) in {0, 1}; only needed for training.
        """
        attention, attention_maps = self.read_attention(image, masked)
        maps = attention * self.main_stream.backbone(image)  # F_rg (B, C, h, w), eq. 2
        main = self.main_stream.head(maps)
        aside = self.attention_stream.head(attention_maps)
        clothing_features = self.cbd(maps, clothing) if self.cbd is not None and clothing is not None else None
        return IFDOutput(
            main.embedding, attention, main.logits, aside.logits, clothing_features, main.pooled, aside.embedding
        )

    def read_attention(self, image: Tensor, masked: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return W_I (B, 1, h, w), eq. 1, and F_a (B, C, h, w); arguments as for `forward`."""
        maps = self.attention_stream.backbone(image if masked is None else masked)
        return self.ikt(maps.detach() if self.detach_attention else maps), maps

    def weigh(self, maps: Tensor, image: Tensor, masked: Tensor | None) -> Tensor:
        return self.read_attention(image, masked)[0] * maps
