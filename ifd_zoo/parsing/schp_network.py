"""SCHP network: ResNet-101 with pyramid pooling, and parsing, edge and fusion heads (Augmented CE2P).

References: Li et al., "Self-Correction for Human Parsing", https://arxiv.org/abs/1910.09777; Ruan et al., "Devil in the
Details: Towards Accurate Single and Multiple Human Parsing", https://arxiv.org/abs/1809.05996; Zhao et al., "Pyramid
Scene Parsing Network", https://arxiv.org/abs/1612.01105. Module names match the published weights.

Letters in shapes: B batch size, K classes, H x W input size.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = (3, 4, 23, 3)
WIDTH = 256  # channels of each head


class ScaledNorm(nn.Module):
    """Batch norm as in InPlaceABN, with which the published weights were trained.

    The scale is |weight| + eps, not weight: a plain BatchNorm2d would invert the channels with negative weights.

    Args:
        channels: channels of the input.
        slope: negative slope of the leaky ReLU that follows; 1 for none.
    """

    EPS = 1e-5

    def __init__(self, channels: int, slope: float = 1.0) -> None:
        super().__init__()
        self.slope = slope
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs() + self.EPS
        x = F.batch_norm(x, self.running_mean, self.running_var, scale, self.bias, self.training, eps=self.EPS)
        return x if self.slope == 1 else F.leaky_relu(x, self.slope)


def conv(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Build a convolution without bias, padded so that only the stride changes the size."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False)


def head_conv(in_channels: int, out_channels: int, kernel: int = 1) -> list[nn.Module]:
    """Build the layers of which the heads consist: convolution, batch norm and leaky ReLU."""
    return [conv(in_channels, out_channels, kernel), ScaledNorm(out_channels, slope=0.01)]


def resize(x: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode='bilinear', align_corners=True)


class Bottleneck(nn.Module):
    """Bottleneck block of ResNet-101, with the stride in the 3x3 convolution."""

    def __init__(self, in_channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(in_channels, width), ScaledNorm(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride, dilation), ScaledNorm(width)
        self.conv3, self.bn3 = conv(width, 4 * width), ScaledNorm(4 * width)
        self.downsample = None
        if stride != 1 or in_channels != 4 * width:
            self.downsample = nn.Sequential(conv(in_channels, 4 * width, stride=stride), ScaledNorm(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


def make_layer(in_channels: int, width: int, blocks: int, stride: int, dilation: int = 1) -> nn.Sequential:
    first = Bottleneck(in_channels, width, stride, dilation)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1, dilation) for _ in range(blocks - 1)))


class PyramidPooling(nn.Module):
    """Pyramid pooling: averages over grids of 1, 2, 3 and 6 cells a side, combined with the features themselves."""

    def __init__(self, in_channels: int, width: int, sizes: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__()
        pools = [nn.Sequential(nn.AdaptiveAvgPool2d(size), *head_conv(in_channels, width)) for size in sizes]
        self.stages = nn.ModuleList(pools)
        self.bottleneck = nn.Sequential(*head_conv(in_channels + len(sizes) * width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.bottleneck(torch.cat([*(resize(stage(x), x.shape[-2:]) for stage in self.stages), x], 1))


class EdgeHead(nn.Module):
    """Head for edges between classes, from the three finer stages, which share the convolution to edge scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (nn.Sequential(*head_conv(width, WIDTH)) for width in (256, 512, 1024))
        self.conv4 = nn.Conv2d(WIDTH, 2, 3, padding=1)
        self.conv5 = nn.Conv2d(6, 2, 1)

    def forward(self, stages: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return edge scores (B, 2, H/4, W/4) and features (B, 768, H/4, W/4)."""
        size = stages[0].shape[-2:]
        features = [part(stage) for part, stage in zip((self.conv1, self.conv2, self.conv3), stages, strict=True)]
        edges = torch.cat([resize(self.conv4(feature), size) for feature in features], 1)
        return self.conv5(edges), torch.cat([resize(feature, size) for feature in features], 1)


class Decoder(nn.Module):
    """Head for class scores, from the context and the finest stage."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*head_conv(512, WIDTH))
        self.conv2 = nn.Sequential(*head_conv(256, 48))
        self.conv3 = nn.Sequential(*head_conv(WIDTH + 48, WIDTH), *head_conv(WIDTH, WIDTH))
        self.conv4 = nn.Conv2d(WIDTH, num_classes, 1)

    def forward(self, context: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Return class scores (B, K, H/4, W/4) and features (B, 256, H/4, W/4)."""
        context = resize(self.conv1(context), fine.shape[-2:])
        features = self.conv3(torch.cat([context, self.conv2(fine)], 1))
        return self.conv4(features), features


class SCHPOutput(NamedTuple):
    parsing: tuple[Tensor, Tensor]
    """Scores of the decoder and of the fusion branch, each (B, K, H/4, W/4); the second is the result."""
    edge: Tensor
    """Scores for no edge and edge, (B, 2, H/4, W/4)."""


class SCHP(nn.Module):
    """SCHP network, with class scores at a quarter of the input's size.

    Args:
        num_classes: K; 20 for LIP, 18 for ATR.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 3, stride=2), ScaledNorm(64)
        self.conv2, self.bn2 = conv(64, 64, 3), ScaledNorm(64)
        self.conv3, self.bn3 = conv(64, 128, 3), ScaledNorm(128)
        self.layer1 = make_layer(128, 64, BLOCKS[0], stride=1)
        self.layer2 = make_layer(256, 128, BLOCKS[1], stride=2)
        self.layer3 = make_layer(512, 256, BLOCKS[2], stride=2)
        self.layer4 = make_layer(1024, 512, BLOCKS[3], stride=1, dilation=2)
        self.context_encoding = PyramidPooling(2048, 512)
        self.edge = EdgeHead()
        self.decoder = Decoder(num_classes)
        last = nn.Conv2d(WIDTH, num_classes, 1)
        self.fushion = nn.Sequential(*head_conv(4 * WIDTH, WIDTH), nn.Dropout2d(0.1), last)  # spelt as in the weights

    def forward(self, images: Tensor) -> SCHPOutput:
        """Return the scores of all heads.

        Args:
            images: (B, 3, H, W), blue, green, red, normalised.
        """
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        stage1 = self.layer1(F.max_pool2d(x, 3, stride=2, padding=1))  # (B, 256, H/4, W/4)
        stage2 = self.layer2(stage1)  # (B, 512, H/8, W/8)
        stage3 = self.layer3(stage2)  # (B, 1024, H/16, W/16)
        context = self.context_encoding(self.layer4(stage3))  # (B, 512, H/16, W/16)
        parsing, features = self.decoder(context, stage1)
        edge, edge_features = self.edge((stage1, stage2, stage3))
        fusion = self.fushion(torch.cat([features, edge_features], 1))
        return SCHPOutput((parsing, fusion), edge)
