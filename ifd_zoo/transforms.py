"""Image, clothing-masked image and clothing mask, moved together.

One geometric transform moves the image and its label map; the masked image is made *behind* it, so the three can never
be out of line. Colour changes touch the image only. Random erasing hits image and masked image in the same place, while
psi keeps its value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as TF

from ifd_zoo.parsing.labels import CLOTHING
from ifd_zoo.parsing.masks import class_mask, erase

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Sample(NamedTuple):
    image: Tensor
    """I (3, H, W), normalised."""
    masked: Tensor
    """M (3, H, W), normalised."""
    clothing: Tensor
    """psi (1, H, W), 0 or 1."""


@dataclass(frozen=True)
class Masking:
    """What is erased from the image, what psi covers, and with what the hole is filled."""

    mask_classes: Sequence[str] = CLOTHING
    clothing_classes: Sequence[str] = CLOTHING
    fill: str = 'black'


@dataclass(frozen=True)
class Augmentation:
    """Training-time changes; every number is a probability or a strength in [0, 1] unless said otherwise."""

    crop_scale: float = 1.125
    """Resize to this multiple of the input size, then crop at random."""
    flip: float = 0.5
    erasing: float = 0.5
    jitter: float = 0.0
    """Strength of brightness, contrast, saturation (all) and hue (a quarter of it)."""


class EvalTransform:
    """Resize and normalise.

    Args:
        size: (H, W) in pixels.
        mean, std: per channel, for values in [0, 1].
        masking: which classes are erased and which are psi.
    """

    def __init__(
        self,
        size: tuple[int, int],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        masking: Masking | None = None,
    ) -> None:
        self.size = size
        self.mean, self.std = list(mean), list(std)
        self.masking = masking or Masking()

    def __call__(self, image: Image.Image, label_map: np.ndarray | None = None) -> Sample:
        """One sample.

        Args:
            image: RGB.
            label_map: (H, W) in `LABELS`, of the image's size; with None psi is empty and nothing is erased.

        Raises:
            ValueError: the label map has another size than the image.
        """
        pixels = TF.pil_to_tensor(image if image.mode == 'RGB' else image.convert('RGB'))
        if label_map is None:
            (pixels,) = self._geometric(pixels)
            image = self._finish(self._colour(TF.to_dtype(pixels, torch.float32, scale=True)))
            return Sample(image, image, image.new_zeros(1, *self.size))
        pixels, masks = self._geometric(pixels, _masks(label_map, pixels.shape[1:], self.masking))
        pixels = TF.to_dtype(pixels, torch.float32, scale=True)
        both = self._finish(torch.cat([self._colour(pixels), erase(pixels, masks[:1], self.masking.fill)]))
        return Sample(both[:3], both[3:], masks[1:].float())

    def _geometric(self, pixels: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
        size = list(self.size)
        pixels = TF.resize(pixels, size, interpolation=InterpolationMode.BILINEAR, antialias=True)
        return pixels, *(TF.resize(mask, size, interpolation=InterpolationMode.NEAREST) for mask in masks)

    def _colour(self, pixels: Tensor) -> Tensor:
        return pixels

    def _finish(self, pixels: Tensor) -> Tensor:
        """Normalise (3, H, W), or image and masked image stacked to (6, H, W)."""
        images = len(pixels) // 3
        return TF.normalize(pixels, self.mean * images, self.std * images)


class TrainTransform(EvalTransform):
    """`EvalTransform` with random crop, flip, colour jitter and erasing."""

    def __init__(
        self,
        size: tuple[int, int],
        augmentation: Augmentation,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        masking: Masking | None = None,
    ) -> None:
        super().__init__(size, mean, std, masking)
        enlarged = [round(side * augmentation.crop_scale) for side in size]
        # v2 moves a tv_tensors.Mask with its image: nearest for the mask, bilinear for the image.
        self.move = v2.Compose([
            v2.Resize(enlarged, antialias=True),
            v2.RandomCrop(list(size)),
            v2.RandomHorizontalFlip(augmentation.flip),
        ])
        strength = augmentation.jitter
        self.jitter = v2.ColorJitter(strength, strength, strength, strength / 4) if strength else None
        # Filled with the mean colour: zero, since it comes after normalisation.
        self.erasing = v2.RandomErasing(augmentation.erasing, scale=(0.02, 0.4), ratio=(0.3, 3.3))

    def _geometric(self, pixels: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
        moved = self.move([tv_tensors.Image(pixels), *map(tv_tensors.Mask, masks)])
        return tuple(part.as_subclass(Tensor) for part in moved)

    def _colour(self, pixels: Tensor) -> Tensor:
        return self.jitter(pixels) if self.jitter else pixels

    def _finish(self, pixels: Tensor) -> Tensor:
        return self.erasing(super()._finish(pixels))


def _masks(label_map: np.ndarray, size: torch.Size, masking: Masking) -> Tensor:
    """(2, H, W) uint8: what is erased, what is psi."""
    if label_map.shape != tuple(size):
        raise ValueError(f'label map of size {label_map.shape} for an image of size {tuple(size)} (H, W)')
    masks = [class_mask(label_map, classes) for classes in (masking.mask_classes, masking.clothing_classes)]
    return torch.from_numpy(np.stack(masks).astype(np.uint8))
