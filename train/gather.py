"""Gathering of tensors over processes, for losses over pairs."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _GatherWithGradient(torch.autograd.Function):
    # torch.distributed.nn has the same, deprecated since torch 2.15 in favour of private functions.

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Every process computes the same loss over all rows; DistributedDataParallel's mean then undoes this sum.
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[dist.get_rank() * ctx.rows :][: ctx.rows]


def gather(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes in rank order, (N, ...) to (processes * N, ...), with gradients.

    Returns the tensor itself when there is one process. All processes must call it, with the same N.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensor
    return _GatherWithGradient.apply(tensor)
