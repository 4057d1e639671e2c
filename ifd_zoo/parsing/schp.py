"""SCHP, the human parser used in the paper, with weights that the user obtains.

Li et al., "Self-Correction for Human Parsing", https://arxiv.org/abs/1910.09777. `schp_lip` has 20 classes, `schp_atr`
18. Weights: `model.safetensors` of `pirocheto/schp-lip-20` and `pirocheto/schp-atr-18` on the Hub (the default), or the
original `exp-schp-201908261155-lip.pth` and `exp-schp-201908301523-atr.pth`, given as `schp_lip:PATH`.

The code of SCHP is under the MIT licence. The terms of the data sets LIP and ATR have not been cleared for weights
trained on them: this project hosts no copy, and you must check whether you may use them.
"""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from huggingface_hub import hf_hub_download
from huggingface_hub.utils import logging
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from ifd_zoo.common.errors import first_line
from ifd_zoo.models.tensors import describe_unusable
from ifd_zoo.parsing.base import NetworkParser, ParserError
from ifd_zoo.parsing.labelsets import LABEL_SETS, label_lookup
from ifd_zoo.parsing.schp_network import SCHP, resize

MEAN_BGR, STD_BGR = IMAGENET_DEFAULT_MEAN[::-1], IMAGENET_DEFAULT_STD[::-1]
BATCH_SIZE = 4  # 66.8 M parameters on 473x473 pixels: more would cost memory and save no time
STRIP = 1 << 23  # scores held in memory at the image's size at a time


class Variant(NamedTuple):
    label_set: str
    size: int
    """Side of the square input in pixels."""
    repository: str
    """Hub repository of the weights."""


VARIANTS = {
    'schp_lip': Variant('lip', 473, 'pirocheto/schp-lip-20'),
    'schp_atr': Variant('atr', 512, 'pirocheto/schp-atr-18'),
}


class SquareWarp:
    """Warp from an image to a square and back, as in SCHP: the longer side spans the square, the rest is black.

    The centres of the image's outermost pixels, not their outer edges, lie on those of the square. Bilinear, without
    antialiasing when an image is shrunk, as in the training of the weights.

    Args:
        size: side of the square in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def to_square(self, pixels: Tensor) -> Tensor:
        """Warp (C, H, W) to (C, size, size), 0 outside the image."""
        height, width = pixels.shape[-2:]
        step = max(height - 1, width - 1, 1) / (self.size - 1)
        offsets = (torch.arange(self.size, device=pixels.device) - (self.size - 1) / 2) * step
        return _sample(pixels, (height - 1) / 2 + offsets, (width - 1) / 2 + offsets)

    def classes(self, scores: Tensor, height: int, width: int) -> Tensor:
        """Return the best class of every pixel of the image.

        Args:
            scores: (K, h, w) of the square, at any resolution.
            height, width: size of the image.

        Returns:
            (height, width) int64.
        """
        square = resize(scores[None], (self.size, self.size))[0]
        step = (self.size - 1) / max(height - 1, width - 1, 1)
        rows, columns = (
            (self.size - 1) / 2 + (torch.arange(side, device=scores.device) - (side - 1) / 2) * step
            for side in (height, width)
        )
        strips = rows.split(max(1, STRIP // (len(scores) * width)))
        return torch.cat([_sample(square, strip, columns).argmax(0) for strip in strips])


def _sample(pixels: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Sample (C, H, W) bilinearly at fractional rows and columns: (C, len(rows), len(columns)), 0 outside."""
    y, x = ((2 * at + 1) / side - 1 for at, side in zip((rows, columns), pixels.shape[-2:], strict=True))
    grid = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1)[None].to(pixels.dtype)
    return F.grid_sample(pixels[None], grid, mode='bilinear', padding_mode='zeros', align_corners=False)[0]


class SCHPParser(NetworkParser):
    """Parser with SCHP. Runs in float32: the effect of bfloat16 has not been measured with its weights.

    Args:
        net: network with as many classes as the variant.
        variant: name out of `VARIANTS`.
    """

    def __init__(self, net: SCHP, variant: str) -> None:
        label_set, size, _ = VARIANTS[variant]
        super().__init__(net, {'backbone': variant, 'size': [size, size], 'label_set': label_set}, BATCH_SIZE)
        self.warp = SquareWarp(size)
        self.lookup = label_lookup(label_set)

    def prepare(self, image: Image.Image) -> Tensor:
        """Return the network's input (3, size, size): blue, green, red, normalised."""
        pixels = TF.pil_to_tensor(image).flip(0).float() / 255
        return TF.normalize(self.warp.to_square(pixels), list(MEAN_BGR), list(STD_BGR))

    def _scores(self, images: list[Image.Image]) -> Tensor:
        inputs = torch.stack([self.prepare(image) for image in images])
        return self.net(inputs.to(self.device, memory_format=torch.channels_last)).parsing[1]

    def _label_maps(self, scores: Tensor, images: list[Image.Image]) -> list[np.ndarray]:
        classes = [self.warp.classes(s, i.height, i.width) for s, i in zip(scores, images, strict=True)]
        return [self.lookup[one.cpu().numpy()] for one in classes]


def load_lip(source: str, device: str | torch.device = 'cpu') -> SCHPParser:
    return load_schp('schp_lip', source, device)


def load_atr(source: str, device: str | torch.device = 'cpu') -> SCHPParser:
    return load_schp('schp_atr', source, device)


def load_schp(variant: str, source: str, device: str | torch.device = 'cpu') -> SCHPParser:
    """Load SCHP with trained weights.

    Args:
        variant: name out of `VARIANTS`.
        source: a `.safetensors` or `.pth` file, or a folder with one of them; the Hub if empty.
        device: device of the network.

    Raises:
        ParserError: the weights are unavailable, or are not those of this variant.
    """
    path = _find_file(variant, Path(source).expanduser()) if source else _download(variant)
    state = read_weights(path)
    with torch.device('meta'):  # skip initial weights, which would be overwritten
        net = SCHP(len(LABEL_SETS[VARIANTS[variant].label_set]))
    _check_classes(state, variant, path)
    _check_keys(state, net.state_dict(), path)
    net.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    return SCHPParser(net.to(device, memory_format=torch.channels_last), variant)


def _download(variant: str) -> Path:
    repository, verbosity = VARIANTS[variant].repository, logging.get_verbosity()
    logging.set_verbosity_error()  # the Hub client would report each of its five attempts
    try:
        return Path(hf_hub_download(repository, 'model.safetensors'))
    except Exception as error:  # no network, no such repository: each library has its own errors
        raise ParserError(
            f'{variant}: the weights {repository} are unavailable on the Hub ({first_line(error)}); go online '
            f'once, or give a file with {variant}:PATH'
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _find_file(variant: str, path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(file for pattern in ('*.safetensors', '*.pth') for file in path.glob(pattern))
    if len(found) != 1:
        what = ', '.join(file.name for file in found) or 'none'
        raise ParserError(f'{path}: one .safetensors or .pth file is needed, found {what}; give {variant}:FILE')
    return found[0]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by the names of `SCHP` from a Hub file or an original one. Raises ParserError.

    From a `.pth` file only tensors are read: one that contains code is refused.
    """
    try:
        if path.suffix == '.safetensors':
            state = load_file(path)
        else:
            state = torch.load(path, map_location='cpu', weights_only=True)
    except UnpicklingError as error:
        raise ParserError(f'{path}: refused, it holds more than weights ({first_line(error)})') from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise ParserError(f'{path}: not a readable file of weights ({first_line(error)})') from error
    state = state.get('state_dict', state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ParserError(f'{path}: holds no weights by name, neither at the top nor under state_dict')
    for prefix in ('module.', 'model.'):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    if fault := describe_unusable(state.items()):
        raise ParserError(f'{path}: {fault}')
    return {key: value for key, value in state.items() if not key.endswith('.num_batches_tracked')}


def _check_classes(state: dict[str, Tensor], variant: str, path: Path) -> None:
    """Raise ParserError for weights of another label set, which would fit except for the last layer."""
    wanted = len(LABEL_SETS[VARIANTS[variant].label_set])
    found = len(state['fushion.3.weight']) if 'fushion.3.weight' in state else wanted
    if found == wanted:
        return
    fitting = [name for name, other in VARIANTS.items() if len(LABEL_SETS[other.label_set]) == found]
    advice = f'they are weights for {fitting[0]}: use {fitting[0]}:PATH' if fitting else 'they are of another label set'
    raise ParserError(f'{path}: weights for {found} classes, but {variant} has {wanted}; {advice}')


def _check_keys(state: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    faults = {
        'missing': sorted(set(wanted) - set(state)),
        'unexpected': sorted(set(state) - set(wanted)),
        'wrong shape': [f'{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}' for key in shapes],
    }
    if any(faults.values()):
        parts = [f'{len(keys)} {fault}: {_some(keys)}' for fault, keys in faults.items() if keys]
        raise ParserError(f'{path}: not the weights of SCHP; {"; ".join(parts)}')


def _some(names: Sequence[str], most: int = 6) -> str:
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')
