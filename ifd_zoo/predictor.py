"""`Predictor`: photos in; embeddings, attention maps, clothing masks and rankings out."""

import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ifd_zoo.hub import eval_transform, load_model
from ifd_zoo.images import MAX_SIDE, load_image
from ifd_zoo.inference import infer, pick_device
from ifd_zoo.parsing import NoParser, load_parser
from ifd_zoo.parsing.masks import class_mask

DEFAULT_MODEL = 'ifd_resnet10t.synthetic'

ImageSource = Image.Image | np.ndarray | str | Path
"""What `ifd_zoo.images.load_image` reads."""


class Analysis(NamedTuple):
    """One photo of H x W pixels, as `load_image` returns it."""

    embedding: np.ndarray
    """(D,) float32, unit length."""
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
    """A re-identification model and the human parser that tells it where clothing is.

    Args:
        model: a name or folder for `ifd_zoo.hub.load_model`, or a network of the zoo (put into eval mode).
        parser: a name or folder for `ifd_zoo.parsing.load_parser`, or an object with its `parse`; None shows the
            attention stream the whole photo, for which it was not trained.
        device: torch's name of it; None takes a GPU if there is one.
        batch_size: photos per pass; the results do not depend on it.

    Raises:
        LoadError: there is no such model.
        DeviceError: there is no such device.
        ParserError: there is no such parser.
    """

    def __init__(
        self,
        model: str | Path | nn.Module = DEFAULT_MODEL,
        parser: object = 'bundled',
        device: str | torch.device | None = None,
        batch_size: int = 16,
    ) -> None:
        self.device = pick_device(device)
        model = model if isinstance(model, nn.Module) else load_model(model)
        self.model = model.eval().to(self.device)
        if parser is None:
            if model.needs_mask:
                warnings.warn('no parser: the attention stream sees the clothing as well', stacklevel=2)
            parser = 'none'
        self.parser = load_parser(parser, self.device) if isinstance(parser, (str, Path)) else parser
        self.batch_size = batch_size
        self.transform = eval_transform(model)

    def analyze(
        self,
        images: Sequence[ImageSource],
        label_maps: Sequence[np.ndarray] | None = None,
    ) -> list[Analysis]:
        """Everything about each photo, in one pass.

        Args:
            images: see `load_image`.
            label_maps: for each photo (H, W) in `LABELS`, upright; instead of the parser's.

        Raises:
            ImageError: a photo cannot be used; the message names it.
            ValueError: label maps do not fit the photos in number or size.
        """
        results = []
        for batch, maps in self._batches(images, label_maps):
            maps = self._parse(batch) if maps is None else maps
            embeddings, attention = self._forward(batch, maps)
            overlays = [None] * len(batch) if attention is None else map(_enlarge, attention, batch)
            results += [
                Analysis(embedding, overlay, class_mask(label_map), label_map)
                for embedding, overlay, label_map in zip(embeddings, overlays, maps, strict=True)
            ]
        return results

    def embed(self, images: Sequence[ImageSource], label_maps: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Embeddings (N, D) float32, unit length, for cosine similarity. Arguments and errors as for `analyze`."""
        results = [np.empty((0, self.model.num_features), dtype=np.float32)]
        for batch, maps in self._batches(images, label_maps):
            if maps is None and self.model.needs_mask:
                maps = self._parse(batch)
            results.append(self._forward(batch, maps)[0])
        return np.concatenate(results)

    def attention(self, image: ImageSource) -> np.ndarray:
        """Where the network looks for identity: W_I (H, W) float32 in [0, 1], at the photo's size.

        Raises:
            ImageError: the photo cannot be used.
            ValueError: the model has no attention stream.
        """
        attention = self.analyze([image])[0].attention
        if attention is None:
            raise ValueError(f'{type(self.model).__name__} has no attention stream, so there is no attention map')
        return attention

    def rank(self, query: ImageSource, gallery: Sequence[ImageSource], top_k: int = 10) -> list[Match]:
        """The `top_k` photos of the gallery most similar to the query, best first.

        Raises:
            ImageError: a photo cannot be used; the message names it.
            ValueError: the gallery is empty, or `top_k` is less than 1.
        """
        if len(gallery) == 0:
            raise ValueError('the gallery is empty: give at least one photo to search in')
        return rank_embeddings(self.embed([query])[0], self.embed(gallery), top_k)

    def _batches(
        self, images: Sequence[ImageSource], label_maps: Sequence[np.ndarray] | None
    ) -> Iterator[tuple[list[Image.Image], list[np.ndarray] | None]]:
        """Loaded photos and their label maps (None when there are none), `batch_size` at a time."""
        if label_maps is not None and len(label_maps) != len(images):
            raise ValueError(f'{len(label_maps)} label maps for {len(images)} images')
        for start in range(0, len(images), self.batch_size):
            part = slice(start, start + self.batch_size)
            batch = [_load(image, start + i) for i, image in enumerate(images[part])]
            yield batch, None if label_maps is None else list(map(_fitted, label_maps[part], batch))

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
        """Embeddings (B, D), and W_I (B, 1, h, w) of the unflipped images."""
        maps = label_maps if label_maps is not None else [None] * len(batch)
        samples = list(map(self.transform, batch, maps))
        image = self._batch([sample.image for sample in samples])
        masked = self._batch([sample.masked for sample in samples])
        result = infer(self.model, image, masked)
        return result.embedding.cpu().numpy(), result.attention

    def _batch(self, images: list[Tensor]) -> Tensor:
        """(B, 3, H, W) on the device, in the order of memory in which convolutions are fastest."""
        return torch.stack(images).to(self.device, memory_format=torch.channels_last)


class Predictors:
    """Predictors by the name of their model, loaded when first asked for; they share one parser. Safe between threads.

    Args:
        sources: name -> what `Predictor` takes as model.
        parser, device: as for `Predictor`.
    """

    def __init__(self, sources: dict[str, str], parser: object = 'bundled', device: str | None = None) -> None:
        self.sources, self.parser, self.device = sources, parser, device
        self._loaded: dict[str, Predictor] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Predictor:
        """The predictor of that name; errors as for `Predictor`, and KeyError for an unknown name."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Predictor(self.sources[name], self.parser, self.device)
                self.parser = self._loaded[name].parser
            return self._loaded[name]


def rank_embeddings(query: np.ndarray, gallery: np.ndarray, top_k: int = 10) -> list[Match]:
    """The most similar embeddings, best first; equal ones stay in the gallery's order.

    Args:
        query: (D,), unit length.
        gallery: (G, D), unit length.
        top_k: at most so many are returned; may be larger than G.

    Raises:
        ValueError: `top_k` is less than 1.
    """
    if top_k < 1:
        raise ValueError(f'top_k must be at least 1, got {top_k}')
    # Rounded: below that, the batch in which a photo happened to be would decide between equal photos.
    similarity = np.clip(np.round(gallery @ query, 6), -1, 1)
    order = np.argsort(-similarity, kind='stable')[:top_k]
    return [Match(int(index), float(similarity[index])) for index in order]


def _load(source: ImageSource, index: int) -> Image.Image:
    if not isinstance(source, (str, Path)):
        return load_image(source, name=f'image {index}')
    image = load_image(source)
    image.filename = str(source)  # as Pillow does; label maps on disk are found by it
    return image


def _enlarge(attention: Tensor, image: Image.Image) -> np.ndarray:
    """W_I (1, h, w) -> (H, W) at the image's size; bilinear, which keeps it in [0, 1]."""
    size = (image.height, image.width)
    return F.interpolate(attention[None].float(), size=size, mode='bilinear')[0, 0].clamp(0, 1).cpu().numpy()


def _fitted(label_map: np.ndarray, image: Image.Image) -> np.ndarray:
    """The label map, shrunk where `load_image` has shrunk the image."""
    label_map = np.asarray(label_map, dtype=np.uint8)
    if max(label_map.shape) > MAX_SIDE:
        label_map = np.asarray(Image.fromarray(label_map).resize(image.size, Image.Resampling.NEAREST))
    return label_map
