"""Training data of a parser: images and label maps of people, degraded towards images of surveillance cameras."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision.transforms import v2
from torchvision.tv_tensors import Image, Mask

from ifd_zoo.parsing.parser import Letterbox
from ifd_zoo.parsing.training_sources import (
    TARGETS,
    Source,
    read_label_names,
    rendered_pairs,
    split_photos,
    target_lookup,
)
from train.augmentation.camera import ColourCast, Compression, LowResolution
from train.parser import Config


def read_sources(rendered: Path, photos: Path | None) -> tuple[dict[str, Source], dict[str, Source]]:
    """Return training and validation sources by name: `rendered` and, if given, `photos`."""
    train = {'rendered': Source(list(rendered_pairs(rendered, ['train'])))}
    validation = {'rendered': Source(list(rendered_pairs(rendered, ['query', 'gallery'])))}
    if photos is not None:
        lookup = target_lookup(read_label_names(photos / 'label_names.txt'))
        train['photos'], validation['photos'] = (Source(pairs, lookup) for pairs in split_photos(photos))
    return train, validation


def target_pixels(sources: dict[str, Source], most: int = 200) -> np.ndarray:
    """Return each target's share of the pixels, (targets,) float, summed over sources; from evenly spaced maps."""
    total = np.zeros(len(TARGETS))
    for source in sources.values():
        chosen = range(0, len(source), max(1, len(source) // most))
        counts = sum(np.bincount(source[index][1].ravel(), minlength=len(TARGETS)) for index in chosen)
        total += counts / counts.sum()
    return total


class PersonCrop(v2.Transform):
    """Random crop of the labelled person: loose, tight, without head or legs, or no crop at all."""

    def make_params(self, flat_inputs: list) -> dict:
        mask = next(item for item in flat_inputs if isinstance(item, Mask))
        height, width = mask.shape[-2:]
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        if torch.rand(()) < 0.15 or not len(rows):
            return {'top': 0, 'left': 0, 'height': height, 'width': width}
        (top, bottom), (left, right) = ((edge.min().item(), edge.max().item() + 1) for edge in (rows, columns))
        tall = bottom - top
        margins = torch.empty(4).uniform_(-0.03, 0.15) * tall
        cut = torch.rand(())
        if cut < 0.08:
            margins[0] = -torch.empty(()).uniform_(0.05, 0.35) * tall
        elif cut > 0.88:
            margins[1] = -torch.empty(()).uniform_(0.1, 0.6) * tall
        up, down, aside, beyond = margins.round().int().tolist()
        top, left = max(top - up, 0), max(left - aside, 0)
        bottom, right = min(bottom + down, height), min(right + beyond, width)
        return {'top': top, 'left': left, 'height': max(bottom - top, 1), 'width': max(right - left, 1)}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        return v2.functional.crop(inpt, **params)


def geometry(size: tuple[int, int]) -> v2.Transform:
    """Return a transform that crops, rotates, flips and letterboxes image and label map together."""
    fill = {Image: Letterbox.FILL[torch.Tensor], Mask: 0}
    rotate = v2.RandomAffine(degrees=6, shear=4, interpolation=v2.InterpolationMode.BILINEAR, fill=fill)
    steps = [PersonCrop(), Letterbox(size, stretch=1.25), v2.RandomApply([rotate], p=0.15), v2.RandomHorizontalFlip()]
    return v2.Compose(steps)


def background(size: tuple[int, int]) -> v2.Transform:
    """Return a transform that crops a part of an image, to serve as background."""
    return v2.Compose([v2.RandomResizedCrop(size, scale=(0.1, 0.6), ratio=(0.4, 0.7)), v2.RandomHorizontalFlip()])


def appearance() -> v2.Transform:
    """Return random changes of colour, light, camera and compression, for the image alone."""
    return v2.Compose([
        v2.RandomApply([v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.04)], p=0.5),
        v2.RandomApply([ColourCast()], p=0.25),
        v2.RandomGrayscale(p=0.02),
        v2.RandomApply([LowResolution()], p=0.25),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.5, 1.5))], p=0.06),
        v2.RandomApply([Compression()], p=0.25),
        v2.RandomErasing(p=0.1, scale=(0.02, 0.08), value=128),
    ])


class ParserDataset(Dataset):
    """Augmented images of all sources; some people are cut out by their label map and pasted onto another image.

    Args:
        sources: by name.
        size: (height, width) of the network's input.
        as_drawn: probability that an image with an exact label map is not cropped, stretched or rotated. Edges are
            learnt from these, as resizing blurs those of the image and shifts those of the label map.
        paste: probability of pasting, for exact label maps; half of it for the others.
    """

    def __init__(
        self, sources: dict[str, Source], size: tuple[int, int], as_drawn: float, paste: float = 0.15
    ) -> None:
        self.items = [(source, index) for source in sources.values() for index in range(len(source))]
        self.as_drawn = as_drawn
        self.paste = paste
        self.geometry = geometry(size)
        self.flip = v2.Compose([Letterbox(size), v2.RandomHorizontalFlip()])
        self.background = background(size)
        self.appearance = appearance()

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the image (3, h, w) uint8 and its targets (h, w) uint8."""
        exact = self.items[index][0].lookup is None
        geometry = self.flip if exact and torch.rand(()) < self.as_drawn else self.geometry
        image, targets = geometry(*self._read(index))
        if torch.rand(()) < (self.paste if exact else self.paste / 2):
            crops = [self.background(*self._read(int(torch.randint(len(self), ())))) for _ in range(2)]
            behind, targets_behind = min(crops, key=lambda crop: crop[1].count_nonzero())  # with fewer labelled pixels
            person = targets > 0
            image, targets = Image(torch.where(person, image, behind)), Mask(targets.where(person, targets_behind))
        return self.appearance(image).as_subclass(Tensor), targets.as_subclass(Tensor)

    def _read(self, index: int) -> tuple[Image, Mask]:
        source, position = self.items[index]
        image, targets = source[position]
        return Image(image), Mask(torch.from_numpy(np.array(targets)))


def train_loader(sources: dict[str, Source], config: Config, photo_share: float) -> DataLoader:
    """Return batches with this share of photos on average; an epoch has as many images as all sources."""
    dataset = ParserDataset(sources, config.size, config.as_drawn)
    shares = {'rendered': 1 - photo_share, 'photos': photo_share}
    weights = [shares[name] / len(source) for name, source in sources.items() for _ in range(len(source))]
    sampler = WeightedRandomSampler(weights, num_samples=max(len(dataset), config.batch_size))
    return DataLoader(dataset, config.batch_size, sampler=sampler, num_workers=config.workers, drop_last=True)
