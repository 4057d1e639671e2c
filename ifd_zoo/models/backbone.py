"""timm backbones as plain feature extractors: the only file that knows timm's quirks."""

import timm
import torch
from torch import Tensor, nn

REID_OUTPUT_STRIDE = 16


class Backbone(nn.Module):
    """Any timm convolutional network as `image -> last feature map`, with the last stride of re-ID.

    Re-ID sets the last down-sampling stride to 1 and keeps every convolution undilated (Luo et al., "Bag of tricks",
    CVPRW 2019). timm's `output_stride=16` also sets the stride but dilates the convolutions behind it, which gives
    other features from the same weights: the dilation is taken out again here.

    Args:
        name: timm model name, with or without a pretrained tag (`resnet50.tv_in1k`).
        in_chans: image channels.

    Attributes:
        num_features: channels C of the feature map.

    Raises:
        ValueError: timm does not know the name, or the network has no removable last stride.
    """

    def __init__(self, name: str, in_chans: int = 3) -> None:
        super().__init__()
        self.name = name
        self.net = _create_features(name, in_chans, pretrained=False)
        self.num_features = self.net.feature_info.channels()[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[-1]  # (B, C, h, w)

    @torch.no_grad()
    def load_imagenet(self) -> None:
        """Replace the weights by timm's published ones for this name (downloaded on first use).

        A method and not a constructor argument: timm records constructor arguments in a release and would download
        ImageNet weights again whenever that release is loaded.
        """
        source = _create_features(self.name, self.net_in_chans, pretrained=True)
        self.net.load_state_dict(source.state_dict())

    @property
    def net_in_chans(self) -> int:
        return next(module for module in self.net.modules() if isinstance(module, nn.Conv2d)).in_channels


def _create_features(name: str, in_chans: int, pretrained: bool) -> nn.Module:
    if not timm.is_model(name):
        close = timm.list_models(f'*{name.split(".")[0]}*')[:5]
        hint = f'; close names: {", ".join(close)}' if close else ''
        raise ValueError(f'timm has no backbone {name!r}{hint}')
    try:
        net = timm.create_model(
            name,
            pretrained=pretrained,
            features_only=True,
            out_indices=(-1,),
            output_stride=REID_OUTPUT_STRIDE,
            in_chans=in_chans,
        )
    except TypeError as error:
        raise ValueError(f'backbone {name!r} has no convolutional stages whose last stride could be removed') from error
    _remove_dilation(net)
    return net


def _remove_dilation(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.dilation != (1, 1):
            module.padding = tuple(p // d for p, d in zip(module.padding, module.dilation, strict=True))
            module.dilation = (1, 1)
