"""Base class of all parsing networks: batching, precision, and a cache of recent label maps."""

import hashlib
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.recent import Recent
from ifd_zoo.models.batching import parallel_map, split_batches
from ifd_zoo.models.fingerprint import hash_weights
from ifd_zoo.models.inference import precision

MAX_SIDE = 1024  # class scores are never upsampled beyond this: a 12-megapixel photo would need 700 MB for them
MAX_CHANGED_SHARE = 0.005  # share of an image's pixels whose class may change in 16-bit precision
REMEMBERED = 16 << 20  # pixels of cached label maps, a byte each: about 500 crops of 256x128


class ParserError(ZooError, ValueError):
    """A parser could not be loaded or used; the message names the file and what is wrong."""


def content_key(image: Image.Image) -> bytes:
    """Return a key that is equal for images of the same size and the same pixels."""
    return hashlib.blake2b(repr(image.size).encode() + rgb(image).tobytes(), digest_size=16).digest()


class NetworkParser(ABC):
    """Parser with a network, whose weights must not change afterwards.

    Args:
        net: parsing network; switched to evaluation mode.
        config: settings of the network, of which `SETTINGS` are part of the parser's id.
        batch_size: images per forward pass.

    Attributes:
        precision: one of `ifd_zoo.models.inference.PRECISIONS`.
        crop_size: (height, width) of person crops where all must have the same size.
    """

    crop_size = (256, 128)
    SETTINGS = ('backbone', 'width', 'size')

    def __init__(self, net: nn.Module, config: dict, batch_size: int) -> None:
        self.net = net.eval()
        self.config = config
        self.batch_size = batch_size
        self.precision = 'fp32'
        self.forget()

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != '_recent'}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self.forget()

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    def identify(self) -> str:
        """Return the backbone's name and a hash of the weights and `SETTINGS`."""
        settings = {key: self.config[key] for key in self.SETTINGS if key in self.config}
        digest = hashlib.sha256((json.dumps(settings, sort_keys=True) + hash_weights(self.net)).encode()).hexdigest()
        return f'{settings.get("backbone", type(self.net).__name__)}:{digest[:16]}'

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """Return the class of every pixel.

        Args:
            images: any sizes and modes. Label maps of recent images come from a cache.

        Returns:
            For each image (H, W) uint8 at its own size, values in `range(len(LABELS))`.
        """
        keys = [self.precision.encode() + content_key(image) for image in images]
        maps = {key: self._recent.get(key) for key in keys}
        new = {key: image for key, image in zip(keys, images, strict=True) if maps[key] is None}
        images = [rgb(image) for image in new.values()]
        parts = split_batches(len(images), self.batch_size, self.device)
        parsed = parallel_map(lambda part: self._parse_batch(images[part]), parts, self.device)
        for key, label_map in zip(new, itertools.chain.from_iterable(parsed), strict=True):
            maps[key] = label_map
            self._recent[key] = label_map
        return [maps[key].copy() for key in keys]

    def forget(self) -> None:
        """Clear the cache of recent label maps."""
        self._recent = Recent(REMEMBERED, size=lambda label_map: label_map.size)

    @torch.inference_mode()
    def _parse_batch(self, images: list[Image.Image]) -> list[np.ndarray]:
        with precision(self.device, self.precision):
            scores = self._scores(images)
        return self._label_maps(scores.float(), images)

    @abstractmethod
    def _scores(self, images: list[Image.Image]) -> Tensor:
        """Return class scores (B, K, h, w) of RGB images."""

    @abstractmethod
    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        """Return the classes (H, W) uint8 of each image, as positions in `LABELS`."""


def rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == 'RGB' else image.convert('RGB')


def classes_at(scores: Tensor, image: Image.Image) -> np.ndarray:
    """Turn scores (K, h, w) of a whole image into classes (H, W) uint8 at the image's size."""
    return classes_of(scores[None], image.size)[0]


def classes_of(scores: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Turn scores (n, K, h, w) of whole images of `size` (width, height) into classes (n, H, W) uint8 at that size."""
    shrink = min(1.0, MAX_SIDE / max(size))
    small = [max(1, round(side * shrink)) for side in size[::-1]]
    if list(scores.shape[-2:]) != small:
        scores = F.interpolate(scores, size=small, mode='bilinear')
    classes = scores.max(1, keepdim=True).indices.to(torch.uint8)  # six times as fast as argmax on a CPU
    if shrink < 1:
        classes = F.interpolate(classes, size=size[::-1], mode='nearest-exact')
    return classes[:, 0].cpu().numpy()
