"""`Predictor`: embeddings, attention maps, clothing masks and rankings of photos."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.hub import eval_transform, load_model
from ifd_zoo.hub.loading import warn_if_untrained
from ifd_zoo.images.loading import load_image, shrink_like
from ifd_zoo.masks import class_mask
from ifd_zoo.models.batching import batch_size_for, parallel_map, split_batches
from ifd_zoo.models.features import embedding_size, with_feature
from ifd_zoo.models.inference import choose_precision, infer, pick_device, precision
from ifd_zoo.parsing import NoParser, load_parser
from ifd_zoo.parsing.base import NetworkParser
from ifd_zoo.parsing.people import crop_people, require_pixel_parser

ImageSource = Image.Image | np.ndarray | str | Path
"""Types that `ifd_zoo.images.loading.load_image` accepts."""
Images = ImageSource | Sequence[ImageSource]
"""A single image counts as a list of one; an array with three axes is one image if the last axis is its channels."""


class Analysis(NamedTuple):
    """Results for one photo of H x W pixels, as `load_image` returns it, or for the crop of its person."""

    embedding: np.ndarray
    """(D,) float32, unit length; see `ifd_zoo.models.features`."""
    attention: np.ndarray | None
    """W_I of eq. 1, (H, W) float32 in [0, 1]; None for a model without attention stream."""
    clothing: np.ndarray
    """psi, (H, W) bool."""
    label_map: np.ndarray
    """(H, W) uint8 in `LABELS`."""


class Match(NamedTuple):
    index: int
    """Position in the gallery."""
    similarity: float
    """Cosine, in [-1, 1]."""


class Predictor:
    """A re-identification model with the human parser that finds the clothing for it.

    Args:
        model: a name or folder for `ifd_zoo.hub.load_model`, or a network of the zoo (put into eval mode).
        parser: a name or folder for `ifd_zoo.parsing.load_parser`, or an object with its method `parse`; None shows the
            attention stream the whole photo, for which it was not trained.
        device: name of a torch device; None takes a GPU if there is one.
        batch_size: photos per pass; the results do not depend on it. None chooses it by memory.
        precision: one of `ifd_zoo.models.inference.PRECISIONS`; `auto` is the fastest that agrees with float32, see
            `choose_precision`. With `fp32` a parser that is given by name computes in float32, too.
        feature: test feature, one of `ifd_zoo.common.choices.FEATURES`; None takes that of the model's release.
        flip: also use the mirror image.
        crop: to the largest person, unless it fills the photo, see `ifd_zoo.parsing.people`; ImageError without one.

    Attributes:
        precision: in which the model computes.

    Raises:
        LoadError: there is no such model.
        DeviceError: there is no such device.
        ParserError: there is no such parser, or `crop` is set and it cannot find people.
        ValueError: there is no such precision, or the model has no such feature.
    """

    def __init__(
        self,
        model: str | Path | nn.Module = DEFAULT_MODEL,
        parser: object = 'bundled',
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        precision: str = 'auto',
        feature: str | None = None,
        flip: bool = True,
        crop: bool = False,
    ) -> None:
        self.device, self.flip, self.crop = pick_device(device), flip, crop
        if isinstance(model, nn.Module):
            warn_if_untrained(model)
        else:
            model = load_model(model)
        model = with_feature(model, feature)
        self.model = model.eval().to(self.device, memory_format=torch.channels_last)
        self.precision = choose_precision(model, self.device, precision)
        if parser is None:
            if model.needs_mask:
                warnings.warn('no parser: the attention stream sees the clothing as well', stacklevel=2)
            parser = 'none'
        self.parser = parser
        if isinstance(parser, (str, Path)):
            self.parser = load_parser(parser, self.device)
            if precision == 'fp32' and isinstance(self.parser, NetworkParser):
                self.parser.precision = precision
        if crop:
            require_pixel_parser(self.parser)
        self.transform = eval_transform(model)
        self.batch_size = batch_size or batch_size_for(self.model, self.transform.size)

    def analyze(
        self,
        images: Images,
        label_maps: Sequence[np.ndarray] | None = None,
    ) -> list[Analysis]:
        """Compute all results for each photo in one pass.

        Args:
            images: see `load_image`.
            label_maps: for each photo (H, W) in `LABELS`, upright; used instead of the parser's, and without cropping.

        Raises:
            ImageError: a photo cannot be used; the message names it.
            ValueError: label maps do not fit the photos in number or size.
        """
        return sum(self._each_batch(self._analyze, images, label_maps), [])

    def embed(self, images: Images, label_maps: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Return embeddings (N, D) float32, unit length, for cosine similarity. Arguments and errors: see `analyze`."""
        empty = np.empty((0, embedding_size(self.model)), dtype=np.float32)
        return np.concatenate([empty, *self._each_batch(self._embed, images, label_maps)])

    def attention(self, image: ImageSource) -> np.ndarray:
        """Return where the network looks for identity: W_I (H, W) float32 in [0, 1], at the photo's size.

        Raises:
            ImageError: the photo cannot be used.
            ValueError: the model has no attention stream.
        """
        attention = self.analyze([image])[0].attention
        if attention is None:
            raise ValueError(f'{type(self.model).__name__} has no attention stream, so there is no attention map')
        return attention

    def rank(self, query: ImageSource, gallery: Images, top_k: int = 10) -> list[Match]:
        """Return the `top_k` photos of the gallery most similar to the query, best first.

        Raises:
            ImageError: a photo cannot be used; the message names it.
            ValueError: the gallery is empty, or `top_k` is less than 1.
        """
        gallery = _as_list(gallery)
        if not gallery:
            raise ValueError('the gallery is empty: give at least one photo to search in')
        return rank_embeddings(self.embed([query])[0], self.embed(gallery), top_k)

    def _each_batch(
        self, function: Callable, images: Images, label_maps: Sequence[np.ndarray] | None
    ) -> Iterator:
        """Apply a function to batches of loaded photos and their label maps (None if there are none)."""
        images = _as_list(images)
        if isinstance(label_maps, np.ndarray) and label_maps.ndim == 2:
            label_maps = [label_maps]
        if label_maps is not None and len(label_maps) != len(images):
            raise ValueError(f'{len(label_maps)} label maps for {len(images)} images')

        def work(part: slice) -> object:
            batch = [_load(image, part.start + i) for i, image in enumerate(images[part])]
            if self.crop and label_maps is None:
                names = [os.path.basename(one.filename) or f'image {part.start + i}' for i, one in enumerate(batch)]
                batch = crop_people(batch, names, self.parser)
            return function(batch, None if label_maps is None else list(map(_shrunk, label_maps[part], batch)))

        return parallel_map(work, split_batches(len(images), self.batch_size, self.device), self.device)

    def _analyze(self, batch: list[Image.Image], label_maps: list[np.ndarray] | None) -> list[Analysis]:
        label_maps = self._parse(batch) if label_maps is None else label_maps
        embeddings, attention = self._forward(batch, label_maps)
        overlays = [None] * len(batch) if attention is None else map(_enlarge, attention, batch)
        return [
            Analysis(embedding, overlay, class_mask(label_map), label_map)
            for embedding, overlay, label_map in zip(embeddings, overlays, label_maps, strict=True)
        ]

    def _embed(self, batch: list[Image.Image], label_maps: list[np.ndarray] | None) -> np.ndarray:
        if label_maps is None and self.model.needs_mask:
            label_maps = self._parse(batch)
        return self._forward(batch, label_maps)[0]

    def _parse(self, batch: list[Image.Image]) -> list[np.ndarray]:
        maps = self.parser.parse(batch)
        bare = sum(not class_mask(label_map, self.transform.masking.clothing_classes).any() for label_map in maps)
        if bare and self.model.needs_mask and not isinstance(self.parser, NoParser):
            text = f'no clothing found in {bare} of {len(batch)} photos: the attention stream sees these whole'
            warnings.warn(text, stacklevel=4)
        return maps

    def _forward(
        self, batch: list[Image.Image], label_maps: list[np.ndarray] | None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Return embeddings (B, D), and W_I (B, 1, h, w) of the unflipped images."""
        sample = self.transform.batch(batch, label_maps, self.device)
        with precision(self.device, self.precision):
            result = infer(self.model, sample.image, sample.masked, self.flip)
        return result.embedding.cpu().numpy(), result.attention


def rank_embeddings(query: np.ndarray, gallery: np.ndarray, top_k: int = 10) -> list[Match]:
    """Return the most similar embeddings, best first; equal ones stay in the gallery's order.

    Args:
        query: (D,), unit length.
        gallery: (G, D), unit length.
        top_k: maximum number of matches; may exceed G.

    Raises:
        ValueError: `top_k` is less than 1.
    """
    if top_k < 1:
        raise ValueError(f'top_k must be at least 1, got {top_k}')
    # Rounded, as otherwise the batch that a photo happened to be in would decide between equal photos.
    similarity = np.clip(np.round(gallery @ query, 6), -1, 1)
    order = np.argsort(-similarity, kind='stable')[:top_k]
    return [Match(int(index), float(similarity[index])) for index in order]


def _as_list(images: Images) -> list[ImageSource]:
    if isinstance(images, np.ndarray):
        single = images.ndim == 2 or images.ndim == 3 and images.shape[2] in (1, 3, 4)
    else:
        single = isinstance(images, ImageSource)
    return [images] if single else list(images)


def _load(source: ImageSource, index: int) -> Image.Image:
    is_path = isinstance(source, (str, Path))
    image = load_image(source) if is_path else load_image(source, name=f'image {index}')
    # As in Pillow; label maps on disk are found by it.
    image.filename = str(source) if is_path else getattr(source, 'filename', '')
    return image


def _enlarge(attention: Tensor, image: Image.Image) -> np.ndarray:
    """Resize W_I (1, h, w) to (H, W), the image's size; bilinear, which keeps it in [0, 1]."""
    size = (image.height, image.width)
    return F.interpolate(attention[None].float(), size=size, mode='bilinear')[0, 0].clamp(0, 1).cpu().numpy()


def _shrunk(label_map: np.ndarray, image: Image.Image) -> np.ndarray:
    return shrink_like(np.asarray(label_map, dtype=np.uint8), image.size)
