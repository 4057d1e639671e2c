"""Export of a model to ONNX, compared with torch in onnxruntime before the file is kept."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.common.files import replacing
from ifd_zoo.hub.loading import eval_transform
from ifd_zoo.hub.onnx_graph import ExportError, convert_to_fp16, write_graph
from ifd_zoo.labels import LABELS, class_indices
from ifd_zoo.masks import erase
from ifd_zoo.models.features import feature_of, raw_parts, unite
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.parsing.parser import MEAN, STD, Parser

TOLERANCES = {'fp32': 1e-4, 'fp16': 1e-2}
"""Allowed deviation of onnxruntime from torch in float32; embeddings have unit length, attention is in [0, 1]."""


class Embedder(nn.Module):
    """`infer` as a module: images in, embedding and attention out.

    Args:
        model: of the zoo, in eval mode, fixed to one image size.
        flip: add the mirror image.
    """

    def __init__(self, model: nn.Module, flip: bool = True) -> None:
        super().__init__()
        self.model = model
        self.flip = flip

    def forward(self, image: Tensor, masked: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the embedding (B, D) of unit length and, if any, W_I (B, 1, h, w), for I and M (B, 3, H, W)."""
        number = image.shape[0]
        if self.flip:  # in one batch, so that the graph has the network only once
            image = torch.cat([image, image.flip(-1)])
            masked = None if masked is None else torch.cat([masked, masked.flip(-1)])
        output = self.model(image, masked)
        parts = raw_parts(self.model, output)
        views = [[part[:number] for part in parts], [part[number:] for part in parts]]
        embedding = unite(self.model, views if self.flip else views[:1])
        return (embedding,) if output.attention is None else (embedding, output.attention[:number])


class ParsingEmbedder(nn.Module):
    """Parser, clothing erasure and model in one: photos in, embedding and attention out.

    Args:
        embedder: of the model.
        net: of the parser.
        parser_size: (height, width) of the input of the parser.
        transform: of the model.
    """

    def __init__(self, embedder: Embedder, net: nn.Module, parser_size: tuple[int, int], transform: Any) -> None:
        super().__init__()
        self.embedder, self.net, self.parser_size = embedder, net, parser_size
        self.fill = transform.masking.fill
        table = torch.zeros(len(LABELS), dtype=torch.bool)
        table[list(class_indices(transform.masking.mask_classes))] = True
        self.register_buffer('erased', table)
        for name, values in {'mean': transform.mean, 'std': transform.std, 'net_mean': MEAN, 'net_std': STD}.items():
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1))

    def forward(self, photo: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of `Embedder` for photos (B, 3, H, W) in [0, 1]."""
        small = F.interpolate(photo, self.parser_size, mode='bilinear', align_corners=False)
        scores = self.net.probabilities((small - self.net_mean) / self.net_std)
        scores = F.interpolate(scores, photo.shape[-2:], mode='bilinear', align_corners=False)
        mask = self.erased[scores.argmax(1, keepdim=True)]  # (B, 1, H, W)
        masked = erase(photo, mask, self.fill)
        return self.embedder((photo - self.mean) / self.std, (masked - self.mean) / self.std)


def export_onnx(
    model: nn.Module,
    path: str | Path,
    parser: Parser | None = None,
    flip: bool = True,
    precision: str = 'fp32',
    opset: int | None = None,
) -> float:
    """Write an ONNX file that takes any number of images of the model's input size.

    The inputs are `image` and, if the model needs masks, `masked` (B, 3, H, W), normalised; with a parser `photo`
    instead (B, 3, H, W), RGB in [0, 1]. The outputs are `embedding` (B, D), of unit length, and, if the model has
    attention, `attention` (B, 1, h, w). The metadata of the file are those of `describe`, and `precision`.

    Args:
        model: from `load_model`; its own test feature is exported.
        path: of the file.
        parser: put in front of a model that needs masks.
        flip: add the mirror image to the embedding, as elsewhere in the zoo.
        precision: `fp16` halves the file; inputs and outputs stay float32, with unit length to three digits.
        opset: version of the ONNX operators; default: that of torch's exporter.

    Returns:
        The largest deviation of onnxruntime from torch.

    Raises:
        ExportError: a package is missing, the parser does not fit, the opset is not supported, or onnxruntime computes
            something else.
    """
    network = _network(model, parser, flip)
    names = _input_names(model, parser)
    size = eval_transform(model).size
    with replacing(Path(path)) as temporary:
        examples = _images(len(names), 2, size, parser is not None)
        metadata = describe(model, parser, flip) | {'precision': precision}
        write_graph(network, temporary, names, output_names(model), examples, metadata, opset)
        if precision == 'fp16':
            convert_to_fp16(temporary)
        deviation = _compare(network, temporary, names, size, TOLERANCES[precision])
    return deviation


def describe(model: nn.Module, parser: Parser | None, flip: bool) -> dict[str, str]:
    """Return the metadata of the file: what is needed to use the graph; lists are JSON.

    `mean` and `std` normalise the input pixels, which are in [0, 1] and in the order of `channels`.
    """
    transform = eval_transform(model)
    mean, std = (transform.mean, transform.std) if parser is None else ((0.0,) * 3, (1.0,) * 3)
    return {
        'model': model_name(model),
        'weights_sha256': hash_weights(model),
        'parser': '' if parser is None else parser.identify(),
        'feature': json.dumps(feature_of(model)),
        'flip': json.dumps(flip),
        'channels': 'RGB',
        'mean': json.dumps(mean),
        'std': json.dumps(std),
    }


def output_names(model: nn.Module) -> tuple[str, ...]:
    return ('embedding', 'attention') if model.gives_attention else ('embedding',)


def fixed_copy(model: nn.Module) -> nn.Module:
    """Copy the model to the CPU, fixed to its input size, so that the graph interpolates no position embeddings."""
    model = copy.deepcopy(model).cpu().eval()
    for stream in model.streams():
        stream.backbone.fix_size(eval_transform(model).size)
    return model


def _network(model: nn.Module, parser: Parser | None, flip: bool) -> nn.Module:
    transform = eval_transform(model)
    embedder = Embedder(fixed_copy(model), flip)
    if parser is None:
        return embedder.eval()
    if not model.needs_mask:
        raise ExportError('the model needs no masks: leave the parser out')
    if not isinstance(parser, Parser):
        raise ExportError('only zoo parsers can be exported: leave this parser out')
    if transform.masking.fill == 'noise':
        raise ExportError('this model fills erased pixels with noise, which no graph can repeat: leave the parser out')
    return ParsingEmbedder(embedder, copy.deepcopy(parser.net), tuple(parser.letterbox.size), transform).cpu().eval()


def _input_names(model: nn.Module, parser: Parser | None) -> list[str]:
    if parser is not None:
        return ['photo']
    return ['image', 'masked'] if model.needs_mask else ['image']


def _images(inputs: int, batch: int, size: tuple[int, int], positive: bool) -> tuple[Tensor, ...]:
    """Generate smooth random images (batch, 3, H, W), in [0, 1] if `positive`, else in [-2, 2]."""
    generator = torch.Generator().manual_seed(0)
    coarse = [torch.rand(batch, 3, 8, 4, generator=generator) for _ in range(inputs)]
    images = [F.interpolate(image, size, mode='bilinear') for image in coarse]
    return tuple(image if positive else 4 * image - 2 for image in images)


def _compare(network: nn.Module, path: Path, names: list[str], size: tuple[int, int], tolerance: float) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    deviation = 0.0
    for batch in (1, 3):
        images = _images(len(names), batch, size, names == ['photo'])
        with torch.inference_mode():
            expected = network(*images)
        found = session.run(None, {name: image.numpy() for name, image in zip(names, images, strict=True)})
        pairs = zip(found, expected, strict=True)
        deviation = max(deviation, *(float(np.abs(a - b.numpy()).max()) for a, b in pairs))
    if not deviation <= tolerance:
        raise ExportError(f'onnxruntime differs from torch by {deviation:.1e}, more than {tolerance:g}: not written')
    return deviation
