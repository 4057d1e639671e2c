"""The test feature, in one place: what evaluation, `Predictor` and users all compare."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DeviceError(ValueError):
    """A device that this machine or this build of torch does not have."""


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The device of that name; without one a GPU if there is any.

    Raises:
        DeviceError: it cannot be used; the message has torch's reason.
    """
    try:
        device = torch.device(name or ('cuda' if torch.cuda.is_available() else 'cpu'))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f'device {str(name)!r} cannot be used: {error}') from error
    return device


PRECISIONS = ('fp32', 'bf16')


def precision(device: torch.device, name: str) -> torch.autocast:
    """A context for `infer`: with `bf16` convolutions compute in bfloat16, which is about twice as fast on processors
    with native support for it and changes the third digit of embeddings; `fp32` changes nothing.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=name == 'bf16')


def native_precision(device: torch.device | str) -> str:
    """`bf16` where the processor computes in it, `fp32` where it would only be imitated."""
    device = torch.device(device)
    if device.type == 'cuda':
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # torch has no public name for it in all the versions that we work with.
        native = device.type == 'cpu' and torch.cpu._is_avx512_bf16_supported()
    return 'bf16' if native else 'fp32'


class Inference(NamedTuple):
    embedding: Tensor
    """(B, D) float32, unit length."""
    attention: Tensor | None
    """W_I (B, 1, h, w) float32 in [0, 1] of the unflipped image; None for a single stream."""


@torch.inference_mode()
def infer(model: nn.Module, image: Tensor, masked: Tensor, flip: bool = True) -> Inference:
    """Embedding and attention of a batch.

    The paper does not define the test feature. Ours: the output of the main stream's BN neck, summed over the image and
    its mirror image, L2-normalised; cosine similarity compares two of them.

    Args:
        model: an architecture of the zoo, in eval mode.
        image, masked: I and M (B, 3, H, W), normalised.
        flip: average with the mirror image.
    """
    output = model(image, masked)
    embedding = output.embedding.float()
    if flip:
        embedding = embedding + model(image.flip(-1), masked.flip(-1)).embedding.float()
    attention = None if output.attention is None else output.attention.float()
    return Inference(F.normalize(embedding, dim=1), attention)
