"""Our own parser: images in, label maps out; loaded from a folder."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Mask

from ifd_zoo.common.errors import first_line
from ifd_zoo.labels import LABELS
from ifd_zoo.models.batching import group_by_size, stack_images
from ifd_zoo.models.fuse_bn import fold_norms
from ifd_zoo.models.inference import native_precision
from ifd_zoo.parsing.base import MAX_CHANGED_SHARE, NetworkParser, ParserError, classes_of
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.releases.files import (
    CONFIG,
    LoadError,
    describe_mismatch,
    find_weights,
    read_config,
    stored_shapes,
)
from ifd_zoo.releases.files import WEIGHTS as MODEL
from ifd_zoo.releases.parser_schema import ParserConfig

WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
BUNDLED = {
    'bundled': 'parser_tf_efficientnet_lite0',
    'bundled_resnet10t': 'parser_resnet10t',  # its masks and its encoder were used to train the bundled models
}
"""Folders in `ifd_zoo/weights` by parser name; to add a parser, add a line."""

MEAN, STD = IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
BATCH_SIZES = {'cpu': 8, 'cuda': 64}
"""Images per forward pass, without mirror images; more would not fit a CPU's caches and take a fifth longer."""


class Letterbox(v2.Transform):
    """Transform that resizes to fit `size`, keeping the aspect ratio, and pads with the mean colour on all sides.

    Args:
        size: (height, width) of the result.
        stretch: maximum random factor by which the aspect ratio is multiplied or divided; 1 at inference.
    """

    FILL = {torch.Tensor: [round(255 * value) for value in MEAN], Mask: 0}

    def __init__(self, size: tuple[int, int], stretch: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.stretch = stretch

    def make_params(self, flat_inputs: list) -> dict:
        factor = 1.0 if self.stretch == 1 else self.stretch ** (2 * torch.rand(()).item() - 1)
        height, width = v2.functional.get_size(flat_inputs[0])
        return {'box': self.box(height, width * factor)}

    def box(self, height: float, width: float) -> tuple[int, int, int, int]:
        """Return (top, left, height, width) of the area of the result that an image of this size fills."""
        scale = min(self.size[0] / height, self.size[1] / width)
        inner = [min(max(round(side * scale), 1), most) for side, most in zip((height, width), self.size, strict=True)]
        return (self.size[0] - inner[0]) // 2, (self.size[1] - inner[1]) // 2, *inner

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        top, left, height, width = params['box']
        fill = self.FILL[Mask if isinstance(inpt, Mask) else torch.Tensor]
        padding = [left, top, self.size[1] - left - width, self.size[0] - top - height]
        return v2.functional.pad(v2.functional.resize(inpt, [height, width]), padding, fill=fill)


def normalise(images: Tensor) -> Tensor:
    """Normalise uint8 images (..., 3, H, W) for the network: float32, ImageNet mean and standard deviation."""
    return v2.functional.normalize(v2.functional.to_dtype(images, torch.float32, scale=True), list(MEAN), list(STD))


class Parser(NetworkParser):
    """Parser with a parsing network of our own.

    Computes in 16 bits if the device does so natively and the config records that this changes hardly any pixels.

    Args:
        net: network with classes in the order of `LABELS`.
        size: (height, width) of the network's input; images of other shapes are letterboxed, not stretched.
        config: config stored with the weights; `most` in `sixteen_bits` (see `eval.parsers.figures.changed_pixels`)
            decides on the precision.
    """

    def __init__(self, net: ParsingNet, size: tuple[int, int], config: dict | None = None) -> None:
        super().__init__(net, config or {}, BATCH_SIZES.get(next(net.parameters()).device.type, 8))
        self.letterbox = Letterbox(size)
        self.crop_size = tuple(size)
        changed = self.config.get('sixteen_bits', {}).get('most', 1)
        self.precision = native_precision(self.device) if changed <= MAX_CHANGED_SHARE else 'fp32'
        # Separate from `net`, whose weights identify this parser.
        self._fast_net = fold_norms(self.net, torch.zeros(1, 3, *size, device=self.device))

    def _scores(self, images: list[Image.Image]) -> Tensor:
        inputs = torch.empty(len(images), *self.letterbox.size, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
        for rows, pixels in stack_images(images):
            inputs[rows] = self.letterbox(pixels)
        return self._fast_net.probabilities(normalise(inputs.to(self.device)))

    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        maps: list[np.ndarray] = [np.empty(0)] * len(images)
        for rows in group_by_size(images):
            image = images[rows[0]]
            top, left, height, width = self.letterbox.box(image.height, image.width)
            inner = (scores if len(rows) == len(images) else scores[rows])[..., top : top + height, left : left + width]
            for row, label_map in zip(rows, classes_of(inner, image.size), strict=True):
                maps[row] = label_map
        return maps


class NoParser:
    """Parser that labels every pixel as background, so that nothing is erased."""

    config: dict = {}

    def identify(self) -> str:
        return 'none'

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """Return (H, W) uint8 zeros for each image."""
        return [np.zeros((image.height, image.width), dtype=np.uint8) for image in images]


def load_folder(folder: Path, device: str | torch.device = 'cpu') -> Parser:
    """Load a parser of our own from its folder.

    Args:
        folder: folder with `config.json` and `model.safetensors`.
        device: device of the network.

    Raises:
        ParserError: the files do not describe a parser with our labels, or differ from those that were saved.
    """
    try:
        config = read_config(folder / CONFIG, ParserConfig)
        weights = find_weights(folder, config.get('sha256', {}).get(MODEL))
    except LoadError as error:
        raise ParserError(str(error)) from error
    place = folder / CONFIG
    for field, expected in (('labels', LABELS), ('mean', MEAN), ('std', STD)):
        if field in config and tuple(config[field] or expected) != expected:
            raise ParserError(f'{place}: its {field} are not those of this version, {list(expected)}')
    if not timm.is_model(config['backbone']):  # a name such as hf-hub:... would make timm read other files
        raise ParserError(f'{place}: timm has no backbone {config["backbone"]!r}')
    arguments = config['backbone'], len(LABELS), config['width'], config.get('detail', 0)
    try:
        with torch.device('meta'):  # check the fit of the weights before allocating memory
            expected = ParsingNet(*arguments).state_dict()
        _check_fit(expected, weights)
        net = ParsingNet(*arguments)
        net.load_state_dict(load_file(weights))
        return Parser(net.to(device, memory_format=torch.channels_last), tuple(config['size']), config)
    except ParserError:
        raise
    except Exception as error:  # backbones that are not convolutional can raise anything
        raise ParserError(f'{place}: describes no parser ({type(error).__name__}: {first_line(error)})') from error


def as_stored(net: ParsingNet) -> ParsingNet:
    """Return a copy on the CPU with weights rounded to float16, as after saving and loading.

    Raises:
        ParserError: a weight is not finite in float16.
    """
    stored = copy.deepcopy(net).cpu().half()
    broken = [name for name, value in stored.state_dict().items() if not value.isfinite().all()]
    if broken:
        raise ParserError(f'not finite in float16: {", ".join(broken)}')
    return stored.float().to(memory_format=torch.channels_last).eval()


def _check_fit(expected: Mapping[str, Tensor], path: Path) -> None:
    shapes = {name: tuple(value.shape) for name, value in expected.items()}
    if text := describe_mismatch(shapes, stored_shapes(path)):
        raise ParserError(f'{path} does not fit the network in {CONFIG}: of {len(shapes)} tensors {text}')
