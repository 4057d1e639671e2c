"""The parsing network: a small timm encoder and a light top-down decoder in the manner of FPN and U-Net.

References: Lin et al., "Feature Pyramid Networks for Object Detection", https://arxiv.org/abs/1612.03144;
Ronneberger et al., "U-Net", https://arxiv.org/abs/1505.04597.

Letters in shape comments: B batch, K classes, C channels of the decoder, H x W the input's size.
"""

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(in_channels: int, out_channels: int) -> nn.Sequential:
    """1x1 convolution and batch norm: brings an encoder stage to the decoder's width."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))


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


class ParsingNet(nn.Module):
    """Class scores for every pixel.

    Args:
        backbone: name of any convolutional timm model that knows `features_only`, starting from random weights.
        num_classes: K.
        width: C, channels of the decoder at the coarse stages; a quarter of it at the finest, half at the next.
    """

    def __init__(self, backbone: str, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.encoder = timm.create_model(backbone, pretrained=False, features_only=True)
        channels = self.encoder.feature_info.channels()
        widths = [width // 4, width // 2, *[width] * (len(channels) - 2)]
        self.laterals = nn.ModuleList(conv_bn(*pair) for pair in zip(channels, widths, strict=True))
        self.fusions = nn.ModuleList(separable_conv(*pair) for pair in zip(widths, [widths[0], *widths], strict=False))
        self.head = nn.Conv2d(widths[0], num_classes, 1)

    def forward_stride(self, images: Tensor) -> Tensor:
        """Logits at the stride of the encoder's first stage, which is where the loss is cheap: (B, K, H/s, W/s)."""
        stages = [lateral(stage) for lateral, stage in zip(self.laterals, self.encoder(images), strict=True)]
        x = self.fusions[-1](stages[-1])  # (B, C, H/32, W/32)
        for stage, fusion in zip(stages[-2::-1], self.fusions[-2::-1], strict=True):
            x = fusion(stage + F.interpolate(x, size=stage.shape[-2:], mode='bilinear'))
        return self.head(x)

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
        """Of each class at the input's size: the mean over an image and, at half the size, its mirror image.

        What the network is unsure of it often gets right from the other side, or from further away. That second look
        costs a quarter of the first, and counts half as much.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, K, H, W), 1 in sum over the classes.
        """
        seen = self._logits(images)
        mirrored = F.avg_pool2d(images, 2).flip(-1).contiguous(memory_format=torch.channels_last)
        # Mirrored back before it is enlarged, and both averaged before they are: where they are few.
        mirrored = F.interpolate(self._logits(mirrored).flip(-1), size=seen.shape[-2:], mode='bilinear')
        mean = (2 * seen.softmax(1) + mirrored.softmax(1)) / 3
        # Each layout where it is the faster one: for the softmax, and from here on.
        mean = mean.contiguous(memory_format=torch.channels_last)
        return F.interpolate(mean, size=images.shape[-2:], mode='bilinear')

    def _logits(self, images: Tensor) -> Tensor:
        """As `forward_stride`, in float32."""
        # Contiguous, since in channels_last a softmax over classes takes 4 times as long.
        return self.forward_stride(images).float().contiguous()
