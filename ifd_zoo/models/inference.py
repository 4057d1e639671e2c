"""Embeddings of a batch, in one place: what evaluation, `Predictor` and users all compare."""

import warnings
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ifd_zoo.common.choices import PRECISIONS, SIXTEEN_BITS
from ifd_zoo.common.errors import ZooError
from ifd_zoo.models.features import raw_parts, unite
from ifd_zoo.models.fingerprint import model_name


class DeviceError(ZooError, ValueError):
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


DTYPES = dict(zip(SIXTEEN_BITS, (torch.bfloat16, torch.float16), strict=True))

MIN_COSINE = 0.999
"""Least cosine of an embedding in a precision to the same in float32."""
MAX_RANK1_CHANGE = 0.2
"""Percentage points, over all queries of the check."""


def precision(device: torch.device, name: str) -> torch.autocast:
    """A context for `infer`: with `bf16` and `fp16` convolutions compute in 16 bits, which is about twice as fast on
    processors with native support for it and changes the third digit of embeddings; `fp32` changes nothing.
    """
    return torch.autocast(device.type, DTYPES.get(name, torch.bfloat16), enabled=name in DTYPES)


def native_precision(device: torch.device | str) -> str:
    """What the processor computes fastest in: `bf16` where it has it, `fp16` on other GPUs, `fp32` elsewhere."""
    device = torch.device(device)
    if device.type == 'cuda':
        return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp16'
    # torch has no public name for it in all the versions that we work with.
    return 'bf16' if device.type == 'cpu' and torch.cpu._is_avx512_bf16_supported() else 'fp32'


def warn_of_emulation(device: torch.device, precision: str) -> None:
    """A warning where `bf16` is asked of a processor that only emulates it, ten times as slow as its float32."""
    if precision == 'bf16' and native_precision(device) != 'bf16':
        warnings.warn('this processor only emulates bf16, which takes much longer than fp32', stacklevel=3)


def choose_precision(model: nn.Module, device: torch.device, asked: str = 'auto') -> str:
    """The precision in which a model is to compute: `auto` is the fastest of the device that keeps the answer.

    Whether it does has been measured by `eval/precision.py` and is recorded in the model's release. Without such a
    record, or where it says no, it is float32, with a warning.

    Args:
        asked: of `PRECISIONS`.

    Raises:
        ValueError: none of these.
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
    """Whether a precision may take the place of float32; `check` is an entry of `precisions` in a release."""
    return check['min_cosine'] > MIN_COSINE and abs(check['rank1_change']) <= MAX_RANK1_CHANGE


class Inference(NamedTuple):
    embedding: Tensor
    """(B, D) float32, unit length; D is `ifd_zoo.models.features.embedding_size` of the model."""
    attention: Tensor | None
    """W_I (B, 1, h, w) float32 in [0, 1] of the unflipped image; None for a single stream."""


@torch.inference_mode()
def infer(model: nn.Module, image: Tensor, masked: Tensor, flip: bool = True) -> Inference:
    """Embedding and attention of a batch.

    The paper does not define the test feature. Ours is what the model's release records, see `features.py`; cosine
    similarity compares two of them.

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
