"""Joint transforms of an image, its clothing-masked image and its clothing mask.

One geometric transform moves image and masks, all with antialiasing, so that a resized mask holds the share of clothing
in each pixel. The masked image is made *after* it, so the three are always aligned. Until then everything is uint8, so
that little data goes to a device. `train/augmentation/geometry_and_colour.py` adds the random part for training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from ifd_zoo.labels import CLOTHING, LABELS, class_indices
from ifd_zoo.masks import CLOTHING_SHARE, ERASED_SHARE, erase, require_labels
from ifd_zoo.models.batching import stack_images

UNKNOWN = len(LABELS)
"""Value in the label map of an image that has none; never erased."""


class Sample(NamedTuple):
    """One image, or a batch with one more dimension in front."""

    image: Tensor
    """I (3, H, W), normalised."""
    masked: Tensor
    """M (3, H, W), normalised."""
    clothing: Tensor
    """psi (1, H, W), 0 or 1."""


@dataclass(frozen=True)
class Masking:
    """Settings of the masks: the classes that are erased, those that psi covers, and the fill of the erased area."""

    mask_classes: Sequence[str] = CLOTHING
    clothing_classes: Sequence[str] = CLOTHING
    fill: str = 'black'
    erased_share: float = ERASED_SHARE
    """A pixel of the resized image is erased if the share of `mask_classes` in it is above this."""


class EvalTransform:
    """Resizing and normalisation.

    Args:
        size: (H, W) in pixels.
        mean, std: per channel, for values in [0, 1].
        masking: the classes that are erased and those of psi.
    """

    sample: type = Sample

    def __init__(
        self,
        size: tuple[int, int],
        mean: Sequence[float] = IMAGENET_DEFAULT_MEAN,
        std: Sequence[float] = IMAGENET_DEFAULT_STD,
        masking: Masking | None = None,
    ) -> None:
        self.size = size
        self.mean, self.std = list(mean), list(std)
        self.masking = masking or Masking()
        sets = dict.fromkeys(map(class_indices, (self.masking.mask_classes, self.masking.clothing_classes)))
        self._clothing = len(sets) - 1  # one channel where both sets are the same
        self._tables = torch.stack([class_table(classes) for classes in sets])

    def __call__(self, image: Image.Image, label_map: np.ndarray | None = None) -> NamedTuple:
        """Transform one image.

        Args:
            image: RGB.
            label_map: (H, W) in `LABELS`, of the image's size; with None, psi is empty and nothing is erased.

        Returns:
            A `Sample`, or the type in the attribute `sample`.

        Raises:
            ValueError: the label map has another size than the image.
        """
        pixels = TF.pil_to_tensor(image if image.mode == 'RGB' else image.convert('RGB'))
        if label_map is None:
            return self._assemble(*self._geometric(pixels))
        _require_fit(label_map, pixels.shape[1:])
        return self._assemble(*self._geometric(pixels, self._masks(torch.from_numpy(label_map.astype(np.uint8))[None])))

    def batch(
        self,
        images: Sequence[Image.Image],
        label_maps: Sequence[np.ndarray | None] | None = None,
        device: str | torch.device = 'cpu',
    ) -> NamedTuple:
        """Transform many images at once: the results of `__call__`, stacked, on a device and in channels_last.

        Images of the same size are resized together; only bytes go to the device.

        Args:
            images: as for `__call__`, of any sizes; at least one.
            label_maps: one for each image, or None for an image without one; None if no image has any.

        Raises:
            ValueError: label maps do not fit the images in number or size.
        """
        sizes = [(image.height, image.width) for image in images]
        maps = [] if label_maps is None else [_filled(label_maps, sizes)]
        moved: list[tuple[Tensor, ...]] = [()] * len(images)
        for rows, pixels in stack_images(images):
            stacks = [pixels, *(torch.from_numpy(np.stack([one[row] for row in rows]))[:, None] for one in maps)]
            pixels, *maps_here = (stack.to(device) for stack in stacks)
            parts = self._geometric(pixels, *map(self._masks, maps_here))
            for row, own in zip(rows, zip(*parts, strict=True), strict=True):
                moved[row] = own
        sample = self._assemble(*(torch.stack(parts) for parts in zip(*moved, strict=True)))
        # Image and masked image are the same tensor if nothing is erased.
        image, masked = (part.contiguous(memory_format=torch.channels_last) for part in sample[:2])
        return sample._replace(image=image, masked=image if sample.masked is sample.image else masked)

    def _masks(self, labels: Tensor) -> Tensor:
        """Return the erased area and psi of label maps (..., 1, H, W), 255 inside and 0 elsewhere, all uint8.

        The two are channels of the result, or one channel if they are the same; in training the person follows.
        """
        values, tables = labels.flatten().int(), self._tables.to(labels.device)
        # Indexing would take several times as long.
        return torch.cat([table.index_select(0, values).view(labels.shape) for table in tables], dim=-3)

    def _geometric(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Return images, and masks if there are any, uint8 (..., C, H, W) each, after the geometric transform."""
        size = list(self.size)
        return tuple(TF.resize(part, size, interpolation=InterpolationMode.BILINEAR, antialias=True) for part in parts)

    def _assemble(self, pixels: Tensor, masks: Tensor | None = None) -> NamedTuple:
        """Return the sample of transformed images (..., 3, H, W) and their `_masks`, both uint8."""
        pixels = TF.to_dtype(pixels, torch.float32, scale=True)
        if masks is None:
            image = self._finish(self._colour(pixels))
            nowhere = torch.zeros_like(image[..., :1, :, :])
            return self.sample(image, image, *[nowhere] * (len(self.sample._fields) - 2))
        erased = masks[..., :1, :, :] > 255 * self.masking.erased_share
        covered = masks[..., self._clothing :, :, :] >= 255 * CLOTHING_SHARE
        masked = erase(pixels, erased, self.masking.fill, self._noise(pixels))
        both = self._finish(torch.cat([self._colour(pixels), masked], dim=-3))
        return self.sample(*both.split(3, dim=-3), *covered.float().split(1, dim=-3))

    def _noise(self, pixels: Tensor) -> Tensor | None:
        """Return the noise of the fill `noise`: always the same, so that a photo has one embedding."""
        if self.masking.fill != 'noise':
            return None
        return torch.rand(pixels.shape[-3:], generator=torch.Generator().manual_seed(0)).to(pixels.device)

    def _colour(self, pixels: Tensor) -> Tensor:
        return pixels

    def _finish(self, pixels: Tensor) -> Tensor:
        """Normalise (..., 3, H, W), or image and masked image stacked to (..., 6, H, W)."""
        images = pixels.shape[-3] // 3
        return TF.normalize(pixels, self.mean * images, self.std * images)


def class_table(classes: Iterable[int]) -> Tensor:
    """Return a table of labels, uint8: 255 for the classes, 0 for all others and `UNKNOWN`."""
    table = torch.zeros(len(LABELS) + 1, dtype=torch.uint8)
    table[list(classes)] = 255
    return table


def _require_fit(label_map: np.ndarray, size: Sequence[int]) -> None:
    require_labels(label_map)
    if label_map.shape != tuple(size):
        raise ValueError(f'label map of size {label_map.shape} for an image of size {tuple(size)} (H, W)')


def _filled(label_maps: Sequence[np.ndarray | None], sizes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Return uint8 label maps for images of sizes (H, W); None becomes one that is `UNKNOWN` everywhere."""
    pairs = [(label_map, size) for label_map, size in zip(label_maps, sizes, strict=True) if label_map is not None]
    for label_map, size in pairs:
        _require_fit(label_map, size)
    return [
        np.full(size, UNKNOWN, np.uint8) if label_map is None else label_map.astype(np.uint8)
        for label_map, size in zip(label_maps, sizes, strict=True)
    ]

