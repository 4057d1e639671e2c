"""Grad-CAM of the similarity of two photos: which regions of one make it similar to the other.

Reference: Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV
2017. Its target is a class score; here the target is the cosine similarity by which a gallery is ranked.
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
    """(B, H, W) float32 in [0, 1]; the maximum of each photo is 1, or 0 if no region raises the similarity."""
    scale: np.ndarray
    """(B,) float32, the unnormalised Grad-CAM value where the heatmap is 1; 0 if the whole heatmap is 0."""
    similarity: np.ndarray
    """(B,) float32, cosine similarity to the reference, in [-1, 1]."""


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
    """Compute where the photos resemble the subject of the reference features.

    The target is the cosine similarity of the test feature of `infer` to the reference, which is held fixed. Its
    gradient is taken at the last feature map of each stream that contributes to the test feature (F_rg of eq. 2, F_g
    for the baseline; F_a for the attention stream), and the maps are summed. With `flip` the maps of the mirror image
    are flipped back and added. The model is left unchanged; do not call it from another thread meanwhile.

    Args:
        model: an architecture of the zoo, in eval mode.
        image, masked: I and M (B, 3, H, W), normalised, on the model's device.
        reference: (B, D) or (1, D), unit length.
        size: (H, W) of the heatmaps; default: that of the image.
        flip: include the mirror image in the test feature.

    Raises:
        ValueError: the model is in training mode.
    """
    if any(module.training for module in model.modules()):
        raise ValueError('Grad-CAM needs the model in eval mode: call model.eval() first')
    views = _last_maps(model, image, masked, flip)
    reference = reference.clone()  # `infer` returns inference tensors, which autograd refuses
    with torch.enable_grad():
        leaves = [values.requires_grad_() for maps in views for values in maps]
        similarity = (unite(model, [_parts(model, maps) for maps in views]) * reference).sum(1)  # (B,)
        # A stream that does not contribute to the test feature has no gradient.
        gradients = torch.autograd.grad(similarity.sum(), leaves, allow_unused=True, materialize_grads=True)
    raw = [_weighted_sum(*pair) for pair in zip(leaves, gradients, strict=True)]
    if flip:
        half = len(raw) // 2
        raw[half:] = [one.flip(-1) for one in raw[half:]]
    heatmap, scale = _normalise(sum(raw).clamp(min=0), size or tuple(image.shape[-2:]))
    return GradCam(*(values.cpu().numpy() for values in (heatmap, scale, similarity.detach().clamp(-1, 1))))


def _last_maps(model: nn.Module, image: Tensor, masked: Tensor, flip: bool) -> list[list[Tensor]]:
    """Return the input (B, C, h, w) of each stream's head, for the photos and, with `flip`, their mirror images."""
    maps: list[Tensor] = []
    heads = [stream.head for stream in model.streams()]
    with ExitStack() as hooks:
        for head in heads:  # in the order in which the model calls them
            hooks.enter_context(head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].detach())))
        model(image, masked)
        if flip:
            model(image.flip(-1), masked.flip(-1))
    return [maps[: len(heads)], maps[len(heads) :]] if flip else [maps]


def _parts(model: nn.Module, maps: list[Tensor]) -> list[Tensor]:
    """Return `raw_parts` from the inputs of the heads."""
    heads = [stream.head(values) for stream, values in zip(model.streams(), maps, strict=True)]
    aside = heads[1].embedding if len(heads) == 2 else None
    output = IFDOutput(heads[0].embedding, None, None, None, None, heads[0].pooled, aside)
    return raw_parts(model, output)


def _weighted_sum(maps: Tensor, gradients: Tensor) -> Tensor:
    """Sum the channels weighted by their mean gradients, (B, C, h, w) twice -> (B, h, w), before the ReLU."""
    weights = gradients.float().mean((-2, -1), keepdim=True)  # alpha_k (B, C, 1, 1)
    return (weights * maps.detach().float()).sum(1)


def _normalise(raw: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Resize non-negative maps (B, h, w) and divide by their maxima: (B, H, W) in [0, 1], and the maxima (B,)."""
    enlarged = F.interpolate(raw[:, None], size=size, mode='bilinear')[:, 0]
    scale = enlarged.amax((-2, -1))
    divisor = torch.where(scale > 0, scale, 1)[:, None, None]
    return (enlarged / divisor).clamp(0, 1), scale
