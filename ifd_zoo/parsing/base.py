"""What all parsing networks share: batches, precision, and no work twice for the same image."""

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
from ifd_zoo.models.batching import on_each_core, share_out
from ifd_zoo.models.fingerprint import hash_weights
from ifd_zoo.models.inference import precision

MAX_SIDE = 1024  # class scores are never enlarged beyond this: a 12-megapixel photo would need 700 MB for them
MOST_CHANGED = 0.005  # share of a picture's pixels that may get another class when they are computed in 16 bits
REMEMBERED = 16 << 20  # pixels of label maps, a byte each: about 500 crops of 256x128


class ParserError(ZooError, ValueError):
    """A parser could not be loaded or used; the message names the file and what is wrong."""


def content_key(image: Image.Image) -> bytes:
    """The same for images of the same size and the same pixels."""
    return hashlib.blake2b(repr(image.size).encode() + rgb(image).tobytes(), digest_size=16).digest()


class NetworkParser(ABC):
    """Label maps from a network, which must not change any more.

    Args:
        net: put into evaluation mode.
        config: what is known about it; of this `backbone`, `width` and `size` go into its id.
        batch_size: images per pass.

    Attributes:
        precision: of `ifd_zoo.models.inference.PRECISIONS`.
        crop_size: (height, width) to which the crop of a person is brought where sizes must be alike.
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
        """Its backbone, and a hash of weights and input size."""
        settings = {key: self.config[key] for key in self.SETTINGS if key in self.config}
        digest = hashlib.sha256((json.dumps(settings, sort_keys=True) + hash_weights(self.net)).encode()).hexdigest()
        return f'{settings.get("backbone", type(self.net).__name__)}:{digest[:16]}'

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """The class of every pixel.

        Args:
            images: any sizes and modes. One that came a short time ago is not parsed again.

        Returns:
            For each image (H, W) uint8 at its own size, values in `range(len(LABELS))`.
        """
        keys = [self.precision.encode() + content_key(image) for image in images]
        maps = {key: self._recent.get(key) for key in keys}
        new = {key: image for key, image in zip(keys, images, strict=True) if maps[key] is None}
        images = [rgb(image) for image in new.values()]
        parts = share_out(len(images), self.batch_size, self.device)
        parsed = on_each_core(lambda part: self._parse_batch(images[part]), parts, self.device)
        for key, label_map in zip(new, itertools.chain.from_iterable(parsed), strict=True):
            maps[key] = label_map
            self._recent[key] = label_map
        return [maps[key].copy() for key in keys]

    def forget(self) -> None:
        """Parse images anew also if they came a short time ago."""
        self._recent = Recent(REMEMBERED, size=lambda label_map: label_map.size)

    @torch.inference_mode()
    def _parse_batch(self, images: list[Image.Image]) -> list[np.ndarray]:
        with precision(self.device, self.precision):
            scores = self._scores(images)
        return self._label_maps(scores.float(), images)

    @abstractmethod
    def _scores(self, images: list[Image.Image]) -> Tensor:
        """Class scores (B, K, h, w) of RGB images."""

    @abstractmethod
    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        """Classes (H, W) of `LABELS` for each image."""


def rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == 'RGB' else image.convert('RGB')


def classes_at(scores: Tensor, image: Image.Image) -> np.ndarray:
    """Scores (K, h, w) of a whole image -> its classes (H, W) uint8 at its own size."""
    return classes_of(scores[None], image.size)[0]


def classes_of(scores: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Scores (n, K, h, w) of whole images of one size (width, height) -> their classes (n, H, W) uint8 at that size."""
    shrink = min(1.0, MAX_SIDE / max(size))
    small = [max(1, round(side * shrink)) for side in size[::-1]]
    if list(scores.shape[-2:]) != small:
        scores = F.interpolate(scores, size=small, mode='bilinear')
    classes = scores.max(1, keepdim=True).indices.to(torch.uint8)  # six times as fast as argmax on a processor
    if shrink < 1:
        classes = F.interpolate(classes, size=size[::-1], mode='nearest-exact')
    return classes[:, 0].cpu().numpy()
