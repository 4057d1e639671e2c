"""Grad-CAM of the similarity of two photos: which places of the one make it similar to the other.

Reference: Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV
2017. There the target is a class score; here it is the cosine similarity that ranks a gallery.
"""

from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.models.features import raw_parts, unite
from ifd_zoo.models.layers import IFDOutput


class GradCam(NamedTuple):
    """Grad-CAM of a batch of B photos."""

    heatmap: np.ndarray
    """(B, H, W) float32 in [0, 1]; the highest value of each photo is 1, unless no place raises the similarity."""
    scale: np.ndarray
    """(B,) float32: what Grad-CAM itself has where the heatmap is 1; 0 where the heatmap is 0 all over."""
    similarity: np.ndarray
    """(B,) float32 cosine, in [-1, 1]."""


@torch.inference_mode(False)
@torch.no_grad()
def gradcam(
    model: nn.Module,
    image: Tensor,
    masked: Tensor,
    reference: Tensor,
    size: tuple[int, int] | None = None,
    flip: bool = True,
) -> GradCam:
    """Where the photos resemble what the reference features are of.

    The target is the similarity of the test feature of `infer` to a feature that stays as it is; its gradient is taken
    at the last feature map of each stream that has a part in it (F_rg of eq. 2, F_g for the baseline; F_a for the
    attention stream), and the maps are added. So is that of the mirror image, turned back, as its feature is in the
    test feature. The model is left as it was; do not call it from another thread meanwhile.

    Args:
        model: an architecture of the zoo, in eval mode.
        image, masked: I and M (B, 3, H, W), normalised, on the model's device.
        reference: (B, D) or (1, D), unit length.
        size: (H, W) of the heatmaps; by default that of the image.
        flip: the test feature is that of image and mirror image.

    Raises:
        ValueError: the model is in training mode.
    """
    if any(module.training for module in model.modules()):
        raise ValueError('Grad-CAM needs the model in eval mode: call model.eval() first')
    views = _last_maps(model, image, masked, flip)
    reference = reference.clone()  # what `infer` returns cannot take part in a gradient
    with torch.enable_grad():
        leaves = [values.requires_grad_() for maps in views for values in maps]
        similarity = (unite(model, [_parts(model, maps) for maps in views]) * reference).sum(1)  # (B,)
        # A stream without a part in the test feature has no gradient.
        gradients = torch.autograd.grad(similarity.sum(), leaves, allow_unused=True, materialize_grads=True)
    raw = [_weighted_sum(*pair) for pair in zip(leaves, gradients, strict=True)]
    if flip:
        half = len(raw) // 2
        raw[half:] = [one.flip(-1) for one in raw[half:]]
    heatmap, scale = _normalise(sum(raw).clamp(min=0), size or tuple(image.shape[-2:]))
    return GradCam(*(values.cpu().numpy() for values in (heatmap, scale, similarity.detach().clamp(-1, 1))))


def _last_maps(model: nn.Module, image: Tensor, masked: Tensor, flip: bool) -> list[list[Tensor]]:
    """What the head of each stream is given (B, C, h, w): of the photos, and of their mirror images."""
    maps: list[Tensor] = []
    heads = [stream.head for stream in model.streams()]
    with ExitStack() as hooks:
        for head in heads:  # the model calls them in this order
            hooks.enter_context(head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].detach())))
        model(image, masked)
        if flip:
            model(image.flip(-1), masked.flip(-1))
    return [maps[: len(heads)], maps[len(heads) :]] if flip else [maps]


def _parts(model: nn.Module, maps: list[Tensor]) -> list[Tensor]:
    """`raw_parts` of what the heads are given."""
    heads = [stream.head(values) for stream, values in zip(model.streams(), maps, strict=True)]
    aside = heads[1].embedding if len(heads) == 2 else None
    output = IFDOutput(heads[0].embedding, None, None, None, None, heads[0].pooled, aside)
    return raw_parts(model, output)


def _weighted_sum(maps: Tensor, gradients: Tensor) -> Tensor:
    """(B, C, h, w) twice -> (B, h, w): every channel times its mean gradient, before the ReLU."""
    weights = gradients.float().mean((-2, -1), keepdim=True)  # alpha_k (B, C, 1, 1)
    return (weights * maps.detach().float()).sum(1)


def _normalise(raw: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(B, h, w), not negative -> (B, H, W) in [0, 1], and (B,) what 1 stands for."""
    enlarged = F.interpolate(raw[:, None], size=size, mode='bilinear')[:, 0]
    scale = enlarged.amax((-2, -1))
    divisor = torch.where(scale > 0, scale, 1)[:, None, None]
    return (enlarged / divisor).clamp(0, 1), scale
