"""The parsing network: a small timm encoder and a light top-down decoder in the manner of FPN and U-Net.

References: Lin et al., "Feature Pyramid Networks for Object Detection", https://arxiv.org/abs/1612.03144;
Ronneberger et al., "U-Net", https://arxiv.org/abs/1505.04597.

Letters in shape comments: B batch, K classes, C channels of the decoder, H x W the input's size.
"""

from itertools import pairwise

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(in_channels: int, out_channels: int) -> nn.Sequential:
    """1x1 convolution and batch norm: brings an encoder stage to the decoder's width."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))


def conv3x3(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolution, batch norm and activation."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def separable_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Depthwise 5x5, then 1x1: the receptive field of a large convolution at the price of a small one."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 5, padding=2, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Detail(nn.Module):
    """What the finest stage's logits lack at the input's own resolution: it sees every pixel beside the features.

    The pixels of a cell, s x s with s the stage's stride, are channels of that cell on the way in and on the way out,
    so that convolutions run where they are cheap. After Shi et al., "Real-Time Single Image and Video Super-Resolution
    Using an Efficient Sub-Pixel Convolutional Neural Network", https://arxiv.org/abs/1609.05158. Adds nothing before
    training.

    Args:
        in_channels: of the features.
        num_classes: K.
        width: of the two 3x3 convolutions.
        stride: s.
    """

    def __init__(self, in_channels: int, num_classes: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        widths = [in_channels + 3 * stride**2, width, width]
        self.layers = nn.Sequential(*(conv3x3(*pair) for pair in pairwise(widths)))
        self.head = nn.Conv2d(width, num_classes * stride**2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, images: Tensor) -> Tensor:
        """What to add to the logits (B, K, H, W).

        Args:
            x: features (B, C, H/s, W/s), rounded up.
            images: (B, 3, H, W).
        """
        height, width = images.shape[-2:]
        whole = F.pad(images, (0, -width % self.stride, 0, -height % self.stride))
        x = self.layers(torch.cat([x, F.pixel_unshuffle(whole, self.stride)], 1))
        return F.pixel_shuffle(self.head(x), self.stride)[..., :height, :width]


class ParsingNet(nn.Module):
    """Class scores for every pixel.

    Args:
        backbone: name of any convolutional timm model that knows `features_only`, starting from random weights.
        num_classes: K.
        width: C, channels of the decoder at the coarse stages; a quarter of it at the finest, half at the next.
        detail: channels of `Detail`; 0 for none, whereby logits have the stride of the encoder's first stage.
    """

    def __init__(self, backbone: str, num_classes: int, width: int = 64, detail: int = 0) -> None:
        super().__init__()
        self.encoder = timm.create_model(backbone, pretrained=False, features_only=True)
        channels = self.encoder.feature_info.channels()
        widths = [width // 4, width // 2, *[width] * (len(channels) - 2)]
        self.laterals = nn.ModuleList(conv_bn(*pair) for pair in zip(channels, widths, strict=True))
        self.fusions = nn.ModuleList(separable_conv(*pair) for pair in zip(widths, [widths[0], *widths], strict=False))
        self.head = nn.Conv2d(widths[0], num_classes, 1)
        stride = self.encoder.feature_info.reduction()[0]
        self.detail = Detail(widths[0], num_classes, detail, stride) if detail else None

    def forward_stride(self, images: Tensor) -> Tensor:
        """Logits at the finest stride that is computed, where the loss is cheap: (B, K, H/s, W/s)."""
        stages = [lateral(stage) for lateral, stage in zip(self.laterals, self.encoder(images), strict=True)]
        x = self.fusions[-1](stages[-1])  # (B, C, H/32, W/32)
        for stage, fusion in zip(stages[-2::-1], self.fusions[-2::-1], strict=True):
            x = fusion(stage + F.interpolate(x, size=stage.shape[-2:], mode='bilinear'))
        logits = self.head(x)
        if self.detail is None:
            return logits
        return F.interpolate(logits, size=images.shape[-2:], mode='bilinear') + self.detail(x, images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits at the input's size.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, K, H, W).
        """
        # In float32 also under autocast: classes that differ in the third digit would often be equal in bfloat16.
        return F.interpolate(self.forward_stride(images).float(), size=images.shape[-2:], mode='bilinear')

    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities of each class at the input's size: the weighted mean over an image and its mirror image.

        What the network is unsure of it often gets right from the other side. With `Detail` both count alike; without,
        the mirror image is looked at from further away, at half the size, which costs a quarter, and counts half.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, K, H, W), 1 in sum over the classes.
        """
        seen = self._logits(images)
        mirrored = images.flip(-1) if self.detail else F.avg_pool2d(images, 2).flip(-1)
        # Mirrored back before it is enlarged, and both averaged before they are: where they are few.
        mirrored = self._logits(mirrored.contiguous(memory_format=torch.channels_last)).flip(-1)
        if mirrored.shape != seen.shape:
            mirrored = F.interpolate(mirrored, size=seen.shape[-2:], mode='bilinear')
        weight = 1 if self.detail else 2
        mean = (weight * seen.softmax(1) + mirrored.softmax(1)) / (weight + 1)
        # Each layout where it is the faster one: for the softmax, and from here on.
        mean = mean.contiguous(memory_format=torch.channels_last)
        return mean if self.detail else F.interpolate(mean, size=images.shape[-2:], mode='bilinear')

    def _logits(self, images: Tensor) -> Tensor:
        """As `forward_stride`, in float32."""
        # Contiguous, since in channels_last a softmax over classes takes 4 times as long.
        return self.forward_stride(images).float().contiguous()
