"""Random augmentations of an image and its masks: geometry, colour and erasing.

Colour jitter changes the image only. Random erasing hits image and masked image in the same place, while psi keeps its
value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from ifd_zoo.labels import LABELS
from ifd_zoo.transforms import EvalTransform, Masking, class_table


class TrainSample(NamedTuple):
    """A `Sample`, plus the person mask that some losses need."""

    image: Tensor
    masked: Tensor
    clothing: Tensor
    person: Tensor
    """(1, H, W), 1 where the label map shows anything but background, else 0."""


@dataclass(frozen=True)
class Augmentation:
    """Random augmentations; every number is a probability or a strength in [0, 1] unless noted otherwise."""

    crop_scale: float = 1.125
    """Resize to this multiple of the input size before the random crop."""
    flip: float = 0.5
    erasing: float = 0.5
    jitter: float = 0.0
    """Strength for brightness, contrast and saturation; hue gets a quarter of it."""
    crop: float = 1.0
    """Probability of the random crop; other images are resized to the input size, as in evaluation."""


class TrainTransform(EvalTransform):
    """`EvalTransform` with random crop, flip, colour jitter and erasing.

    Args:
        size, mean, std, masking: as for `EvalTransform`.
        augmentation: probabilities and strengths.
        camera: changes the image (3, H, W) uint8 at its final size, so that image and masked image show the change.
    """

    sample = TrainSample

    def __init__(
        self,
        size: tuple[int, int],
        augmentation: Augmentation,
        mean: Sequence[float] = IMAGENET_DEFAULT_MEAN,
        std: Sequence[float] = IMAGENET_DEFAULT_STD,
        masking: Masking | None = None,
        camera: v2.Transform | None = None,
    ) -> None:
        super().__init__(size, mean, std, masking)
        self._tables = torch.cat([self._tables, class_table(range(1, len(LABELS)))[None]])
        self.camera = camera or v2.Identity()
        enlarged = [round(side * augmentation.crop_scale) for side in size]
        # v2 transforms all images of one call alike; a tv_tensors.Mask would be resized without antialiasing.
        crop = v2.Compose([v2.Resize(enlarged, antialias=True), v2.RandomCrop(list(size))])
        if augmentation.crop < 1:
            whole = v2.Resize(list(size), antialias=True)
            crop = v2.RandomChoice([crop, whole], [augmentation.crop, 1 - augmentation.crop])
        self.move = v2.Compose([crop, v2.RandomHorizontalFlip(augmentation.flip)])
        strength = augmentation.jitter
        self.jitter = v2.ColorJitter(strength, strength, strength, strength / 4) if strength else None
        # Erases to zero, which is the mean colour after normalisation.
        self.erasing = v2.RandomErasing(augmentation.erasing, scale=(0.02, 0.4), ratio=(0.3, 3.3))

    def _geometric(self, *parts: Tensor) -> tuple[Tensor, ...]:
        pixels, *masks = self.move([tv_tensors.Image(part) for part in parts])
        return tuple(part.as_subclass(Tensor) for part in (self.camera(pixels), *masks))

    def _noise(self, pixels: Tensor) -> None:
        return None  # new noise for each image

    def _colour(self, pixels: Tensor) -> Tensor:
        return self.jitter(pixels) if self.jitter else pixels

    def _finish(self, pixels: Tensor) -> Tensor:
        return self.erasing(super()._finish(pixels))
