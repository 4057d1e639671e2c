"""Grad-CAM heatmaps and similarities of several models on three photos."""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from eval.embeddings.loop import extract
from eval.fig3.sheet import NEGATIVE, ModelRow, draw_sheet, fit
from eval.figure3 import TRIPLE
from eval.triples import Choice, Features, find_triple
from ifd_zoo.datasets import DatasetError, Protocol, Record, load_dataset
from ifd_zoo.datasets.base import read_image, read_label_map
from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.hub import LoadError, eval_transform, load_model
from ifd_zoo.images.loading import load_image
from ifd_zoo.models.fingerprint import model_name
from ifd_zoo.models.inference import infer, pick_device
from ifd_zoo.parsing import ParserError
from ifd_zoo.parsing.mask_source import NO_MASKS, MaskSource

EXPLANATION = (
    'Grad-CAM of the similarity to the anchor (for the anchor: to the positive); each heatmap has its own scale. '
    'Numbers are cosine similarities to the anchor; the photo that the model finds more similar is marked.'
)


class Photo(NamedTuple):
    image: Image.Image
    label_map: np.ndarray | None
    """(H, W) in `LABELS`; None to erase nothing."""


def read_photos(args: argparse.Namespace, source: MaskSource) -> list[Photo]:
    """Load and parse the three photos of the command line."""
    images = [load_image(getattr(args, name)) for name in TRIPLE]
    if source.masks == NO_MASKS:
        return [Photo(image, None) for image in images]
    if source.parser is None:
        raise ParserError(f'--masks {source.masks}: photos on their own have no label maps; use --masks bundled')
    return list(map(Photo, images, source.parser.parse(images)))


def choose_photos(
    args: argparse.Namespace, source: MaskSource, models: Sequence[nn.Module]
) -> tuple[list[Photo], Choice]:
    """Choose three photos of the data set; return them with the choice."""
    pair = [next((model for model in models if model.gives_attention is gives), None) for gives in (False, True)]
    if None in pair:
        raise LoadError('--models: to find a triple, give one with and one without attention stream')
    root = args.root.expanduser()
    dataset = load_dataset(args.data, root)
    protocol = next((p for p in dataset.protocols if p.mode == 'cc'), None)
    if protocol is None:
        raise DatasetError(dataset.lacks or f'{root}: {args.data!r} has no clothes-changing queries and gallery')
    with tempfile.TemporaryDirectory() as maps:
        sides = [source.apply(side, root, Path(maps)) for side in (protocol.query, protocol.gallery)]
        protocol = replace(protocol, query=sides[0], gallery=sides[1])
        choice = find_triple(protocol, *(_features(model, protocol, args) for model in pair))
        return [_photo(record) for record in choice.triple], choice


def _features(model: nn.Module, protocol: Protocol, args: argparse.Namespace) -> Features:
    sides = protocol.query, protocol.gallery
    return Features(*(extract(model, side, eval_transform(model), args.batch_size, args.workers) for side in sides))


def _photo(record: Record) -> Photo:
    image = read_image(record.path)
    return Photo(image, read_label_map(record.label_map, image.size) if record.label_map else None)


def study(model: nn.Module, photos: Sequence[Photo], sizes: Sequence[tuple[int, int]]) -> ModelRow:
    """Compute the similarities of positive and negative to the anchor, and a heatmap of each photo.

    Args:
        model: in eval mode.
        photos: anchor, positive, negative.
        sizes: (H, W) of each heatmap.
    """
    device, transform = next(model.parameters()).device, eval_transform(model)
    samples = [transform(photo.image, photo.label_map) for photo in photos]
    image, masked = (torch.stack([getattr(s, key) for s in samples]).to(device) for key in ('image', 'masked'))
    embedding = infer(model, image, masked).embedding
    heatmaps = []
    for index, (other, size) in enumerate(zip((1, 0, 0), sizes, strict=True)):
        one = slice(index, index + 1)
        heatmaps.append(gradcam(model, image[one], masked[one], embedding[other : other + 1], size).heatmap[0])
    positive, negative = (embedding[1:] @ embedding[0]).tolist()
    return ModelRow(model_name(model), heatmaps, (positive, negative))


def draw_figure(args: argparse.Namespace) -> tuple[Image.Image, str]:
    """Draw the figure; return it with the text to print."""
    device = pick_device(args.device)
    models = [load_model(name, args.feature).to(device) for name in args.models]
    source = MaskSource(args.masks, device)
    found, remark, negative = [], '', NEGATIVE
    if args.root:
        photos, (triple, remark) = choose_photos(args, source, models)
        negative = 'another person, looks alike to the baseline'
        paths = [record.path.relative_to(args.root.expanduser()) for record in triple]
        found = [f'{name}: {path}' for name, path in zip(TRIPLE, paths, strict=True)]
    else:
        photos = read_photos(args, source)
    fitted = [fit(photo.image) for photo in photos]
    rows = [study(model, photos, [(image.height, image.width) for image in fitted]) for model in models]
    found += [f'{row.name}: positive {row.similarities[0]:.3f}, negative {row.similarities[1]:.3f}' for row in rows]
    caption = ' '.join(filter(None, [EXPLANATION, f'Clothing masks: {source.name}.', remark]))
    return draw_sheet(fitted, rows, caption, negative), '\n'.join(filter(None, [*found, remark]))
