"""Parsing network: a small timm encoder and a light top-down decoder in the style of FPN and U-Net.

References: Lin et al., "Feature Pyramid Networks for Object Detection", https://arxiv.org/abs/1612.03144;
Ronneberger et al., "U-Net", https://arxiv.org/abs/1505.04597.

Letters in shapes: B batch size, K classes, C channels of the decoder, H x W input size.
"""

from itertools import pairwise

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a 1x1 convolution and batch norm that project an encoder stage to the decoder's width."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))


def conv3x3(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a 3x3 convolution, batch norm and ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def separable_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build a depthwise 5x5 and a 1x1 convolution: the receptive field of a large one at the cost of a small one."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 5, padding=2, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Detail(nn.Module):
    """Full-resolution correction of the finest stage's logits, from its features and every pixel of the image.

    The s x s pixels of a cell, with s the stage's stride, are channels of that cell at input and output, so that
    convolutions run at low resolution. After Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
    Efficient Sub-Pixel Convolutional Neural Network", https://arxiv.org/abs/1609.05158. Zero before training.

    Args:
        in_channels: channels of the features.
        num_classes: K.
        width: channels of the two 3x3 convolutions.
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
        """Return the correction to add to the logits, (B, K, H, W).

        Args:
            x: features (B, in_channels, H/s, W/s), sizes rounded up.
            images: (B, 3, H, W).
        """
        height, width = images.shape[-2:]
        whole = F.pad(images, (0, -width % self.stride, 0, -height % self.stride))
        x = self.layers(torch.cat([x, F.pixel_unshuffle(whole, self.stride)], 1))
        return F.pixel_shuffle(self.head(x), self.stride)[..., :height, :width]


class ParsingNet(nn.Module):
    """Segmentation network with an encoder from timm, randomly initialised.

    Args:
        backbone: name of a convolutional timm model that supports `features_only`.
        num_classes: K.
        width: C, channels of the decoder at the coarse stages; a quarter of it at the finest, half at the next.
        detail: channels of `Detail`; 0 for none, with logits at the stride of the encoder's first stage.
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

    def forward_logits(self, images: Tensor) -> Tensor:
        """Return logits at the finest computed stride, where the loss is cheap: (B, K, H/s, W/s)."""
        stages = [lateral(stage) for lateral, stage in zip(self.laterals, self.encoder(images), strict=True)]
        x = self.fusions[-1](stages[-1])  # (B, C, H/32, W/32)
        for stage, fusion in zip(stages[-2::-1], self.fusions[-2::-1], strict=True):
            x = fusion(stage + F.interpolate(x, size=stage.shape[-2:], mode='bilinear'))
        logits = self.head(x)
        if self.detail is None:
            return logits
        return F.interpolate(logits, size=images.shape[-2:], mode='bilinear') + self.detail(x, images)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits at the input's size.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, K, H, W).
        """
        # float32 even under autocast: scores that differ in the third digit would often be equal in bfloat16.
        return F.interpolate(self.forward_logits(images).float(), size=images.shape[-2:], mode='bilinear')

    def probabilities(self, images: Tensor) -> Tensor:
        """Return class probabilities at the input's size, as a weighted mean over an image and its mirror image.

        The network is often right in the mirror image where it is unsure in the image. With `Detail` both have equal
        weight; without it, the mirror image is processed at half the size, at a quarter of the cost, with half weight.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, K, H, W), summing to 1 over the classes.
        """
        seen = self._logits(images)
        mirrored = images.flip(-1) if self.detail else F.avg_pool2d(images, 2).flip(-1)
        # Flip back and average before upsampling, while the tensors are small.
        mirrored = self._logits(mirrored.contiguous(memory_format=torch.channels_last)).flip(-1)
        if mirrored.shape != seen.shape:
            mirrored = F.interpolate(mirrored, size=seen.shape[-2:], mode='bilinear')
        weight = 1 if self.detail else 2
        mean = (weight * seen.softmax(1) + mirrored.softmax(1)) / (weight + 1)
        # channels_last is faster from here on, unlike for the softmax.
        mean = mean.contiguous(memory_format=torch.channels_last)
        return mean if self.detail else F.interpolate(mean, size=images.shape[-2:], mode='bilinear')

    def _logits(self, images: Tensor) -> Tensor:
        """Return the logits of `forward_logits` in float32."""
        # Contiguous, as a softmax over classes takes 4 times as long in channels_last.
        return self.forward_logits(images).float().contiguous()
