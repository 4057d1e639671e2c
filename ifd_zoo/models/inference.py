"""Embeddings of a batch: the one place that evaluation, `Predictor` and users all take them from."""

import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ifd_zoo.common.choices import PRECISIONS, SIXTEEN_BITS
from ifd_zoo.common.errors import ZooError
from ifd_zoo.models.features import raw_parts, unite
from ifd_zoo.models.fingerprint import model_name


class DeviceError(ZooError, ValueError):
    """A device that is not available on this machine or in this build of torch."""


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device of that name; by default a GPU if there is one.

    Raises:
        DeviceError: the device cannot be used; the message has torch's reason.
    """
    try:
        device = torch.device(name or ('cuda' if torch.cuda.is_available() else 'cpu'))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f'device {str(name)!r} cannot be used: {error}') from error
    return device


DTYPES = dict(zip(SIXTEEN_BITS, (torch.bfloat16, torch.float16), strict=True))

MIN_COSINE = 0.999
"""Lower bound for the cosine of an embedding in a precision to the same in float32."""
MAX_RANK1_CHANGE = 0.2
"""Largest change of rank-1 in percentage points, over all queries of the check."""


def precision(device: torch.device, name: str) -> torch.autocast:
    """Return a context for `infer`: `fp32` changes nothing; with `bf16` and `fp16` convolutions compute in 16 bits,
    which is about twice as fast on processors with native support and changes the third digit of embeddings.
    """
    return torch.autocast(device.type, DTYPES.get(name, torch.bfloat16), enabled=name in DTYPES)


def native_precision(device: torch.device | str) -> str:
    """Return the processor's fastest precision: `bf16` if it has it, `fp16` on other GPUs, `fp32` elsewhere."""
    device = torch.device(device)
    if device.type == 'cuda':
        return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp16'
    # Not all supported versions of torch have a public function for this.
    return 'bf16' if device.type == 'cpu' and torch.cpu._is_avx512_bf16_supported() else 'fp32'


def warn_of_emulation(device: torch.device, precision: str) -> None:
    """Warn if `bf16` is requested of a processor that only emulates it, ten times slower than its float32."""
    if precision == 'bf16' and native_precision(device) != 'bf16':
        warnings.warn('this processor only emulates bf16, which takes much longer than fp32', stacklevel=3)


def choose_precision(model: nn.Module, device: torch.device, asked: str = 'auto') -> str:
    """Choose the precision in which a model computes: `auto` is the device's fastest, if it keeps the embeddings.

    Whether it does is measured by `eval/precision.py` and recorded in the model's release. Without that record, or if
    the embeddings change too much, `auto` is float32, with a warning.

    Args:
        asked: one of `PRECISIONS`.

    Raises:
        ValueError: the precision is unknown.
    """
    if asked not in PRECISIONS:
        raise ValueError(f'precision must be one of {", ".join(PRECISIONS)}, got {asked!r}')
    if asked != 'auto':
        warn_of_emulation(device, asked)
        return asked
    native = native_precision(device)
    if native == 'fp32':
        return native
    checks = getattr(model, 'release_info', {}).get('precisions', {})
    if native in checks and keeps_answer(checks[native]):
        return native
    reason = f'differs too much in {native}' if native in checks else f'has not been checked in {native}'
    text = f'{model_name(model)} {reason}, so it computes in fp32; `eval/precision.py` checks and records it'
    warnings.warn(text, stacklevel=3)
    return 'fp32'


def keeps_answer(check: dict[str, float]) -> bool:
    """Return whether a precision may replace float32; `check` is an entry of `precisions` in a release."""
    return check['min_cosine'] > MIN_COSINE and abs(check['rank1_change']) <= MAX_RANK1_CHANGE


class Inference(NamedTuple):
    embedding: Tensor
    """(B, D) float32, unit length; D is `ifd_zoo.models.features.embedding_size` of the model."""
    attention: Tensor | None
    """W_I (B, 1, h, w) float32 in [0, 1] of the unflipped image; None for a model without attention."""


@torch.inference_mode()
def infer(model: nn.Module, image: Tensor, masked: Tensor, flip: bool = True) -> Inference:
    """Compute embeddings and attention of a batch.

    The paper does not define the test feature. The model's release records it, see `features.py`; embeddings are
    compared by cosine similarity.

    Args:
        model: an architecture of the zoo, in eval mode.
        image, masked: I and M (B, 3, H, W), normalised.
        flip: add the mirror image.
    """
    number = len(image)
    if flip:
        alike = masked is image
        image = torch.cat([image, image.flip(-1)])
        masked = image if alike else torch.cat([masked, masked.flip(-1)])
    output = model(image, masked)
    views = zip(*(part.split(number) for part in raw_parts(model, output)), strict=True)
    attention = None if output.attention is None else output.attention[:number].float()
    return Inference(unite(model, list(views)), attention)
