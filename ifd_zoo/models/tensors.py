"""Check of tensors that are to be weights."""

from collections.abc import Iterable

import torch
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def describe_unusable(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """Name the first tensor that cannot be a weight and say why; empty if all are valid.

    Weights are finite floating-point numbers. A scalar int64 is a batch norm's count of batches.
    """
    for name, value in tensors:
        if value.dtype not in FLOATS and (value.dtype != torch.int64 or value.ndim):
            known = ', '.join(_type_name(dtype) for dtype in FLOATS)
            return f'{name} is of type {_type_name(value.dtype)}; weights are of {known}'
        if not value.isfinite().all():
            return f'{name} holds values that are not finite (nan or inf)'
        if name.endswith('running_var') and (value < 0).any():
            return f'{name} holds variances below zero'
    return ''


def _type_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
