"""Pictures for `eval/realism.py`: renders, roughened in one fixed way, and photos cropped to their person.

Frozen: a change here makes all earlier figures of realism incomparable. It shares nothing with the augmentation of
`train/parser_data.py`, which may be tuned.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2
from torchvision.tv_tensors import Image, Mask

from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.sources import (
    Pair,
    SourceError,
    photo_pairs,
    read_label_names,
    read_pair,
    rendered_pairs,
    target_lookup,
)

SPLITS = ('train', 'query', 'gallery')
SCALES = (0.9, 1.1)
MARGIN = 0.06  # of the person's height, around the person in a photo
SURROUND = (124, 116, 104)  # what a picture that is shrunk lies on: the mean of ImageNet


def list_renders(root: Path, most: int) -> list[Pair]:
    """Image and label map of at most so many renders out of all splits, evenly spread.

    Args:
        root: holds `{train,query,gallery}/<pid>/<clothes>/*.jpg`, at least one split, and `parsing/<same path>.png`.

    Raises:
        SourceError: there are no splits, a split is empty, or a label map is missing.
    """
    splits = [name for name in SPLITS if (root / name).is_dir()]
    if not splits:
        raise SourceError(f'none of the folders {", ".join(SPLITS)} in {root}')
    pairs = list(rendered_pairs(root, splits))
    count = min(most, len(pairs))
    return [pairs[index * len(pairs) // count] for index in range(count)]


class LowResolution(v2.Transform):
    """Shrink the image to between 0.3 and 0.8 of its size and enlarge it again."""

    def make_params(self, flat_inputs: list) -> dict:
        return {'factor': torch.empty(()).uniform_(0.3, 0.8).item()}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        size = inpt.shape[-2:]
        small = v2.functional.resize(inpt, [max(1, round(side * params['factor'])) for side in size])
        return v2.functional.resize(small, list(size))


def geometry(size: tuple[int, int]) -> v2.Transform:
    """Scale, with all of the person about in the picture as in the photos, then a flip: for image and map."""
    # The nearest pixel, so that an image and its map stay the same pixels.
    scale = v2.RandomAffine(0, scale=SCALES, fill={Image: list(SURROUND), Mask: 0})
    return v2.Compose([scale, v2.Resize(size), v2.RandomHorizontalFlip()])


def appearance() -> v2.Transform:
    """Colour, blur and loss of resolution: for the image alone."""
    return v2.Compose([
        v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.05),
        v2.RandomApply([LowResolution()], p=0.3),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.3, 1.5))], p=0.3),
    ])


class Roughened(Dataset):
    """Augmented pictures: (3, h, w) uint8 image and (h, w) int64 targets.

    Args:
        pictures: images and targets of any one size each; target 0 is background.
    """

    def __init__(self, pictures: Dataset, size: tuple[int, int]) -> None:
        self.pictures = pictures
        self.geometry = geometry(size)
        self.appearance = appearance()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, targets = self.pictures[index]
        image, targets = self.geometry(Image(image), Mask(targets))
        return self.appearance(image).as_subclass(Tensor), targets.as_subclass(Tensor).long()


class Renders(Dataset):
    """Renders as they are: (3, H, W) uint8 image and (H, W) uint8 positions in `LABELS`."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Raises SourceError where image and label map do not fit together or hold other labels."""
        image, targets = read_pair(self.pairs[index], len(LABELS))
        return v2.functional.pil_to_tensor(image), torch.from_numpy(targets)


def person_box(label_map: np.ndarray) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of all labelled pixels plus `MARGIN` on each side, clipped at the image.

    Raises:
        ValueError: nothing is labelled.
    """
    rows, columns = label_map.any(1).nonzero()[0], label_map.any(0).nonzero()[0]
    if not len(rows):
        raise ValueError('no pixel is labelled')
    (top, bottom), (left, right) = ((int(edge[0]), int(edge[-1]) + 1) for edge in (rows, columns))
    margin = round(MARGIN * (bottom - top))
    height, width = label_map.shape
    return max(left - margin, 0), max(top - margin, 0), min(right + margin, width), min(bottom + margin, height)


class Photos(Dataset):
    """Person crops of labelled photos, stretched to the input: (3, h, w) uint8 and (h, w) int64, values in `TARGETS`.

    Args:
        root: holds `photos/NNNN.jpg`, `labels/NNNN.png` (0 is background) and `label_names.txt`.

    Raises:
        SourceError: there are no photos, a label map is missing, or a class is unknown.
    """

    def __init__(self, root: Path, size: tuple[int, int]) -> None:
        self.pairs = list(photo_pairs(root))
        self.lookup = target_lookup(read_label_names(root / 'label_names.txt'))
        self.size = size

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label_map = read_pair(self.pairs[index], len(self.lookup))
        box, (height, width) = person_box(label_map), self.size
        image = image.resize((width, height), PILImage.Resampling.BILINEAR, box)
        label_map = PILImage.fromarray(label_map).resize((width, height), PILImage.Resampling.NEAREST, box)
        targets = torch.from_numpy(self.lookup[np.asarray(label_map)]).long()
        return v2.functional.pil_to_tensor(image), targets
