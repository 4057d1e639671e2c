"""Initial weights of a parser's encoder: ImageNet weights from the Hub or from a file, or random ones."""

from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from ifd_zoo.common.files import hash_file
from ifd_zoo.models.backbone import match_weights, read_weights
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import MEAN, STD


def start_encoder(net: ParsingNet, backbone: str, source: str) -> str | None:
    """Load the encoder's initial weights; random ones are never used silently.

    Args:
        source: `none`, `imagenet` (timm's published weights of that backbone), or a file of such weights.

    Returns:
        Description of the weights, for the record; None for random weights.

    Raises:
        ParserError: the weights are unavailable or do not fit.
    """
    if source == 'none':
        return None
    if source == 'imagenet':
        weights, what = _published(backbone), f'timm {backbone}'
    else:
        weights, what = _read(Path(source)), f'{Path(source).name} (SHA-256 {hash_file(Path(source))})'
    try:
        net.encoder.load_state_dict(match_weights(weights, net.encoder.state_dict(), source))
    except ValueError as error:
        raise ParserError(f'{error}; a trained parser is given by --init') from error
    if usual := timm.get_pretrained_cfg(backbone):
        adapt_to_inputs(net.encoder, usual.mean, usual.std)
    return what


@torch.no_grad()
def adapt_to_inputs(encoder: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Adapt an encoder for images of another mean and standard deviation to `MEAN` and `STD`.

    The change is folded into the first convolution and the norm after it: exact except at zero padding.
    """
    conv = next(module for module in encoder.modules() if isinstance(module, nn.Conv2d))
    norm = next(module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d))
    ours, theirs = (torch.tensor(pair, dtype=conv.weight.dtype) for pair in ((MEAN, STD), (mean, std)))
    offset = (ours[0] - theirs[0]) / theirs[1]
    norm.running_mean -= (conv.weight * offset[:, None, None]).sum((1, 2, 3))
    conv.weight *= (ours[1] / theirs[1])[:, None, None]


def _published(backbone: str) -> Mapping[str, Tensor]:
    try:
        return timm.create_model(backbone, pretrained=True).state_dict()
    except Exception as error:  # no network, no such weights: each library involved has its own errors
        reason = str(error).splitlines()[0]
        raise ParserError(
            f'ImageNet weights of {backbone} are unavailable ({reason}); connect, or give a file with '
            '--encoder-weights FILE, or train from scratch with --encoder-weights none'
        ) from error


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        return read_weights(path)
    except ValueError as error:
        raise ParserError(str(error)) from error
