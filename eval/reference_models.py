"""Reference models to beat: colours, networks not trained on people, and a single stream of the model."""

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from ifd_zoo.hub import LoadError
from ifd_zoo.models.backbone import match_weights, read_weights
from ifd_zoo.models.features import feature_of
from ifd_zoo.models.layers import IFDOutput

SIZES = ((128, 64), (256, 128))
"""Input sizes, (height, width), of ImageNet features."""
MASKING = ('mask_classes', 'clothing_classes', 'fill')


def embedding_alone(embedding: Tensor) -> IFDOutput:
    return IFDOutput(embedding, *(None for _ in IFDOutput._fields[1:]))


class ColourHistogram(nn.Module):
    """Colour histogram of horizontal stripes, an early baseline of re-identification.

    Args:
        like: model whose input size and normalisation are used, so that both see the same pixels.
        stripes: number of stripes of equal height.
        levels: bins per channel; a stripe has levels^3 colours.
    """

    needs_mask = False

    def __init__(self, like: nn.Module, stripes: int = 6, levels: int = 8) -> None:
        super().__init__()
        self.pretrained_cfg = dict(like.pretrained_cfg) | {'architecture': 'colour_histogram', 'tag': ''}
        self.release_info = {}
        self.stripes, self.levels = stripes, levels
        self.num_features = stripes * levels**3
        for name in ('mean', 'std'):
            values = torch.tensor(like.pretrained_cfg[name]).reshape(1, 3, 1, 1)
            self.register_parameter(name, nn.Parameter(values, requires_grad=False))

    def forward(self, image: Tensor, masked: Tensor | None = None) -> IFDOutput:
        """Return square roots of the shares, (B, stripes * levels^3), whose cosine is the Bhattacharyya coefficient."""
        pixels = (image * self.std + self.mean).clamp(0, 1)
        level = (pixels * self.levels).long().clamp(max=self.levels - 1)
        colour = (level[:, 0] * self.levels + level[:, 1]) * self.levels + level[:, 2]
        stripes = colour.tensor_split(self.stripes, dim=1)
        counts = torch.cat([self._shares(stripe.flatten(1)) for stripe in stripes], dim=1)
        return embedding_alone(counts.sqrt())

    def _shares(self, colours: Tensor) -> Tensor:
        shares = torch.zeros(len(colours), self.levels**3, device=colours.device)
        return shares.scatter_add_(1, colours, torch.full(colours.shape, 1 / colours.shape[1], device=colours.device))


def untrained_twin(model: nn.Module, seed: int = 0) -> nn.Module:
    """Create the same architecture with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = timm.create_model(model.pretrained_cfg['architecture'], pretrained=False, num_classes=0).eval()
    twin.pretrained_cfg = dict(model.pretrained_cfg) | {'tag': 'untrained'}
    twin.release_info = masks_alone(model) | {'feature': feature_of(model)}
    return twin


def masks_alone(model: nn.Module) -> dict[str, dict]:
    """Return a model's release info reduced to its masking options."""
    training = model.release_info.get('training', {})
    return {'training': {key: training[key] for key in MASKING if key in training}}


class MaskedStream(nn.Module):
    """Neck feature of one stream on the clothing-masked image alone.

    Args:
        model: its attention stream is used if it has one, otherwise its only stream.
    """

    needs_mask = True

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.stream = model.streams()[-1]
        self.pretrained_cfg, self.release_info = model.pretrained_cfg, masks_alone(model)
        self.num_features = self.stream.head.num_features

    def forward(self, image: Tensor, masked: Tensor) -> IFDOutput:
        return embedding_alone(self.stream(masked).embedding)


class ImageNetFeatures(nn.Module):
    """Features before the classifier of a timm network, for the whole image.

    Args:
        backbone: timm name.
        weights: weights file, as for `ifd_zoo.models.backbone.fitting`.
        size: (height, width) of the input.

    Raises:
        LoadError: timm has no such network, or the file cannot be read or does not match.
    """

    needs_mask = False

    def __init__(self, backbone: str, weights: Path, size: tuple[int, int]) -> None:
        super().__init__()
        if not timm.is_model(backbone):
            raise LoadError(f'timm has no network {backbone!r}')
        self.net = timm.create_model(backbone, num_classes=0)
        try:
            self.net.load_state_dict(match_weights(read_weights(weights), self.net.state_dict(), str(weights)))
        except ValueError as error:
            raise LoadError(str(error)) from error
        usual = timm.get_pretrained_cfg(backbone)
        self.pretrained_cfg = {
            'architecture': backbone,
            'tag': 'imagenet',
            'input_size': (3, *size),
            'mean': usual.mean,
            'std': usual.std,
        }
        self.release_info = {}
        self.num_features = self.net.num_features

    def forward(self, image: Tensor, masked: Tensor | None = None) -> IFDOutput:
        return embedding_alone(self.net(image))


def imagenet_models(texts: Sequence[str]) -> dict[str, ImageNetFeatures]:
    """Load networks given as BACKBONE=FILE, each at every size of `SIZES`; for errors see `ImageNetFeatures`."""
    pairs = [(backbone, Path(file)) for backbone, _, file in (text.partition('=') for text in texts)]
    return {
        f'{backbone}, ImageNet, {height}x{width}': ImageNetFeatures(backbone, file, (height, width))
        for backbone, file in pairs
        for height, width in SIZES
    }


def floors(model: nn.Module) -> dict[str, nn.Module]:
    """Return references for a model: one of its streams on the masked image alone, and a colour histogram."""
    return {'masked stream': MaskedStream(model), 'colour histogram': ColourHistogram(model)}
