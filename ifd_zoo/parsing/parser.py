"""Human parsers: images in, label maps out; load one by name or from a folder, save one to a folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Mask

from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.network import ParsingNet

WEIGHTS = Path(__file__).resolve().parents[1] / 'weights'
BUNDLED = {'bundled': 'parser_mobilenetv4_small'}
"""Name of a parser and its folder in `ifd_zoo/weights`; a new one is one line."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BATCH_SIZE = 16
MAX_SIDE = 1024  # class scores are never enlarged beyond this: a 12-megapixel photo would need 700 MB for them


class ParserError(ValueError):
    """A parser could not be loaded; the message names the file and what is wrong."""


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


class Parser:
    """Label maps from a parsing network.

    Args:
        net: classes in the order of `LABELS`; put into evaluation mode.
        size: (height, width) of the network's input; images of other shapes are letterboxed, not stretched.
        config: what is written beside the weights.
    """

    def __init__(self, net: ParsingNet, size: tuple[int, int], config: dict | None = None) -> None:
        self.net = net.eval()
        self.letterbox = Letterbox(size)
        self.config = config or {}

    @torch.inference_mode()
    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """The class of every pixel.

        Args:
            images: any sizes and modes.

        Returns:
            For each image (H, W) uint8 at its own size, values in `range(len(LABELS))`.
        """
        batches = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
        return [label_map for batch in batches for label_map in self._parse_batch(batch)]

    def _parse_batch(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        device = next(self.net.parameters()).device
        tensors = [v2.functional.pil_to_tensor(image.convert('RGB')) for image in images]
        inputs = torch.stack([self.letterbox(tensor) for tensor in tensors])
        logits = self.net(normalise(inputs.to(device)).contiguous(memory_format=torch.channels_last))
        return [self._at_image_size(scores, image) for scores, image in zip(logits, images, strict=True)]

    def _at_image_size(self, logits: Tensor, image: Image.Image) -> np.ndarray:
        """(K, h, w) scores of the letterboxed image -> (H, W) classes of the image."""
        top, left, height, width = self.letterbox.box(image.height, image.width)
        inner = logits[None, :, top : top + height, left : left + width]
        shrink = min(1.0, MAX_SIDE / max(image.size))
        size = [max(1, round(side * shrink)) for side in (image.height, image.width)]
        classes = F.interpolate(inner, size=size, mode='bilinear').argmax(1, keepdim=True).to(torch.uint8)
        if shrink < 1:
            classes = F.interpolate(classes, size=(image.height, image.width), mode='nearest-exact')
        return classes[0, 0].cpu().numpy()


class NoParser:
    """Stands in where no parser is wanted: everything is background, so nothing is erased."""

    config: dict = {}

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """For each image (H, W) uint8 zeros."""
        return [np.zeros((image.height, image.width), dtype=np.uint8) for image in images]


def list_parsers() -> list[str]:
    """Names that `load_parser` knows; it takes a folder as well."""
    return [*BUNDLED, 'none']


def load_parser(name_or_dir: str | Path = 'bundled', device: str | torch.device = 'cpu') -> Parser | NoParser:
    """A parser, ready for use.

    Args:
        name_or_dir: a name out of `list_parsers()`, or a folder with `config.json` and `model.safetensors`.
        device: where the network runs.

    Raises:
        ParserError: neither a known name nor a folder, or its files do not describe a parser with our labels.
    """
    if name_or_dir == 'none':
        return NoParser()
    folder = WEIGHTS / BUNDLED[name_or_dir] if name_or_dir in BUNDLED else Path(name_or_dir).expanduser()
    if name_or_dir not in BUNDLED and not folder.is_dir():
        raise ParserError(f'unknown parser {str(name_or_dir)!r}: known are {", ".join(list_parsers())}, or a folder')
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
