"""Our own parser: images in, label maps out; loaded from a folder, saved to a folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Mask

from ifd_zoo.inference import native_precision
from ifd_zoo.parsing.base import NetworkParser, ParserError, classes_at
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.network import ParsingNet

WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
BUNDLED = {'bundled': 'parser_mobilenetv4_small'}
"""Name of a parser and its folder in `ifd_zoo/weights`; a new one is one line."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BATCH_SIZE = 16


class Letterbox(v2.Transform):
    """Resize to fit into `size` with the aspect ratio kept, centred, the rest filled with the mean colour.

    Args:
        size: (height, width) of the result.
        stretch: the aspect ratio is multiplied by a random factor up to this one, or divided by it; 1 in use.
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
        """(top, left, height, width) in the result of the area that shows an image of this size."""
        scale = min(self.size[0] / height, self.size[1] / width)
        inner = [min(max(round(side * scale), 1), most) for side, most in zip((height, width), self.size, strict=True)]
        return (self.size[0] - inner[0]) // 2, (self.size[1] - inner[1]) // 2, *inner

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        top, left, height, width = params['box']
        fill = self.FILL[Mask if isinstance(inpt, Mask) else torch.Tensor]
        padding = [left, top, self.size[1] - left - width, self.size[0] - top - height]
        return v2.functional.pad(v2.functional.resize(inpt, [height, width]), padding, fill=fill)


def normalise(images: Tensor) -> Tensor:
    """uint8 images (..., 3, H, W) as the network expects them: float32, ImageNet mean and standard deviation."""
    return v2.functional.normalize(v2.functional.to_dtype(images, torch.float32, scale=True), list(MEAN), list(STD))


class Parser(NetworkParser):
    """Label maps from a parsing network of our own.

    Computes in bfloat16 where the device does so natively: that changes 0.2 % of the pixels of 101 photos.

    Args:
        net: classes in the order of `LABELS`.
        size: (height, width) of the network's input; images of other shapes are letterboxed, not stretched.
        config: what is written beside the weights.
    """

    def __init__(self, net: ParsingNet, size: tuple[int, int], config: dict | None = None) -> None:
        super().__init__(net, config or {}, BATCH_SIZE)
        self.letterbox = Letterbox(size)
        self.crop_size = tuple(size)
        self.precision = native_precision(self.device)

    def _scores(self, images: list[Image.Image]) -> Tensor:
        inputs = torch.stack([self.letterbox(v2.functional.pil_to_tensor(image)) for image in images])
        return self.net(normalise(inputs.to(self.device)).contiguous(memory_format=torch.channels_last))

    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        boxes = [self.letterbox.box(image.height, image.width) for image in images]
        inner = [s[:, top : top + h, left : left + w] for s, (top, left, h, w) in zip(scores, boxes, strict=True)]
        return list(map(classes_at, inner, images))


class NoParser:
    """Stands in where no parser is wanted: everything is background, so nothing is erased."""

    config: dict = {}

    def identify(self) -> str:
        return 'none'

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """For each image (H, W) uint8 zeros."""
        return [np.zeros((image.height, image.width), dtype=np.uint8) for image in images]


def load_folder(folder: Path, device: str | torch.device = 'cpu') -> Parser:
    """A parser of our own from its folder.

    Args:
        folder: with `config.json` and `model.safetensors`.
        device: where the network runs.

    Raises:
        ParserError: the files do not describe a parser with our labels.
    """
    for file in ('config.json', 'model.safetensors'):
        if not (folder / file).is_file():
            raise ParserError(f'{folder} has no {file}')
    config = _read_config(folder / 'config.json')
    net = ParsingNet(config['backbone'], len(LABELS), config['width'])
    _load_weights(net, folder / 'model.safetensors')
    return Parser(net.to(device, memory_format=torch.channels_last), tuple(config['size']), config)


def save_parser(net: ParsingNet, folder: str | Path, config: dict) -> None:
    """Writes `config.json` and `model.safetensors`, the weights as float16 to keep the repository small.

    Args:
        net: the trained network.
        folder: made if it is not there.
        config: needs `backbone`, `width` and `size` (height, width); `labels`, `mean` and `std` are added.

    Raises:
        ValueError: a weight is not finite as float16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    broken = [name for name, value in state.items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f'not finite as float16: {", ".join(broken)}')
    save_file(state, folder / 'model.safetensors', metadata={'format': 'pt'})
    config = {**config, 'labels': LABELS, 'mean': MEAN, 'std': STD}
    (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ParserError(f'{path} is not readable as JSON: {error}') from error
    missing = sorted({'backbone', 'width', 'size', 'labels'} - set(config))
    if missing:
        raise ParserError(f'{path} lacks {", ".join(missing)}')
    if tuple(config['labels']) != LABELS:
        raise ParserError(f'{path}: labels {config["labels"]} are not the label set {list(LABELS)}')
    return config


def _load_weights(net: ParsingNet, path: Path) -> None:
    try:
        net.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ParserError(f'{path} is not a readable safetensors file: {error}') from error
    except RuntimeError as error:
        raise ParserError(f'{path} does not fit the network in config.json: {error}') from error
