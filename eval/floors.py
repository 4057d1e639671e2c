"""What a trained model has to beat: the colours of a picture, and a network that has learnt nothing."""

import timm
import torch
from torch import Tensor, nn

from ifd_zoo.features import feature_of
from ifd_zoo.models.layers import IFDOutput

MASKING = ('mask_classes', 'clothing_classes', 'fill')


class ColourHistogram(nn.Module):
    """How often each colour is seen in each horizontal stripe: what re-identification began with.

    Args:
        like: the architecture whose input size and statistics it takes over, so that both see the same pixels.
        stripes: of equal height.
        levels: of each channel; a stripe has levels^3 colours.
    """

    needs_mask = False

    def __init__(self, like: nn.Module, stripes: int = 6, levels: int = 8) -> None:
        super().__init__()
        self.pretrained_cfg = dict(like.pretrained_cfg) | {'architecture': 'colour_histogram', 'tag': ''}
        self.release_info = {}
        self.stripes, self.levels = stripes, levels
        for name in ('mean', 'std'):
            values = torch.tensor(like.pretrained_cfg[name]).reshape(1, 3, 1, 1)
            self.register_parameter(name, nn.Parameter(values, requires_grad=False))

    def forward(self, image: Tensor, masked: Tensor | None = None) -> IFDOutput:
        """Square roots of the shares, (B, stripes * levels^3): their cosine is the Bhattacharyya coefficient."""
        pixels = (image * self.std + self.mean).clamp(0, 1)
        level = (pixels * self.levels).long().clamp(max=self.levels - 1)
        colour = (level[:, 0] * self.levels + level[:, 1]) * self.levels + level[:, 2]
        stripes = colour.tensor_split(self.stripes, dim=1)
        counts = torch.cat([self._shares(stripe.flatten(1)) for stripe in stripes], dim=1)
        return IFDOutput(counts.sqrt(), *(None for _ in IFDOutput._fields[1:]))

    def _shares(self, colours: Tensor) -> Tensor:
        shares = torch.zeros(len(colours), self.levels**3, device=colours.device)
        return shares.scatter_add_(1, colours, torch.full(colours.shape, 1 / colours.shape[1], device=colours.device))


def untrained_twin(model: nn.Module, seed: int = 0) -> nn.Module:
    """The same architecture with fresh random weights, which have seen no data at all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = timm.create_model(model.pretrained_cfg['architecture'], pretrained=False, num_classes=0).eval()
    twin.pretrained_cfg = dict(model.pretrained_cfg) | {'tag': 'untrained'}
    # It sees the same masks and is compared in the same way; nothing else of the training is known to it.
    training = model.release_info.get('training', {})
    masking = {key: training[key] for key in MASKING if key in training}
    twin.release_info = {'training': masking, 'feature': feature_of(model)}
    return twin
