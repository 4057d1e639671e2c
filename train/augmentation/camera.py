"""Camera effects: v2 transforms of an image (3, H, W) uint8 that move no pixels, so label maps stay valid."""

from io import BytesIO

import torch
from PIL import Image as PILImage
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Image


class LowResolution(v2.Transform):
    """Loss of resolution: the image is shrunk by a random factor in [least, most] and enlarged again."""

    def __init__(self, least: float = 0.3, most: float = 0.7) -> None:
        super().__init__()
        self.least, self.most = least, most

    def make_params(self, flat_inputs: list) -> dict:
        return {'factor': torch.empty(()).uniform_(self.least, self.most).item()}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        size = inpt.shape[-2:]
        small = v2.functional.resize(inpt, [max(1, round(side * params['factor'])) for side in size])
        return v2.functional.resize(small, list(size))


class ColourCast(v2.Transform):
    """White balance or coloured light: a random gain each for red, green and blue."""

    def make_params(self, flat_inputs: list) -> dict:
        return {'gains': torch.empty(3, 1, 1).uniform_(0.85, 1.18)}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        return Image((inpt * params['gains']).clamp(0, 255).to(torch.uint8))


class Gamma(v2.Transform):
    """Random tone curve: the exposure and contrast of another camera."""

    def make_params(self, flat_inputs: list) -> dict:
        return {'gamma': torch.empty(()).uniform_(-0.45, 0.45).exp().item()}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        curve = (torch.linspace(0, 1, 256) ** params['gamma'] * 255).round().to(torch.uint8)
        return Image(curve[inpt.int()])


class Noise(v2.Transform):
    """Gaussian sensor noise, identical in all three channels or independent."""

    def make_params(self, flat_inputs: list) -> dict:
        return {'sigma': torch.empty(()).uniform_(2, 12).item(), 'channels': 1 + 2 * int(torch.randint(2, ()))}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        noise = torch.randn(params['channels'], *inpt.shape[-2:]) * params['sigma']
        return Image((inpt + noise).clamp(0, 255).to(torch.uint8))


class Compression(v2.Transform):
    """JPEG artefacts; encoded by Pillow, as torchvision is about to drop its own codec."""

    def make_params(self, flat_inputs: list) -> dict:
        return {'quality': int(torch.randint(25, 91, ()))}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        file = BytesIO()
        v2.functional.to_pil_image(inpt).save(file, 'jpeg', **params)
        return Image(PILImage.open(file))


def surveillance(height: int) -> v2.Transform:
    """Return random light, sensor and compression effects for images `height` pixels tall, some at as few as 40."""
    return v2.Compose([
        v2.RandomApply([Gamma()], p=0.5),
        v2.RandomApply([ColourCast()], p=0.5),
        v2.RandomApply([v2.ColorJitter(brightness=0.2, contrast=0.3, saturation=0.3, hue=0.03)], p=0.4),
        v2.RandomGrayscale(p=0.1),
        v2.RandomApply([LowResolution(min(0.9, 40 / height), 0.9)], p=0.3),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.4, 1.4))], p=0.15),
        v2.RandomApply([Noise()], p=0.2),
        v2.RandomApply([Compression()], p=0.3),
    ])
