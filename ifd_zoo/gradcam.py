"""Grad-CAM of the similarity of two photos: which places of the one make it similar to the other.

Reference: Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV
2017. There the target is a class score; here it is the cosine similarity that ranks a gallery.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GradCam(NamedTuple):
    """Of a batch of B photos."""

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

    The target is the similarity of the test feature of `ifd_zoo.inference.infer` to a feature that stays as it is; its
    gradient is taken at the last feature map of the main stream (F_rg of eq. 2, F_g for the baseline). The map of the
    mirror image is turned back and added, as its feature is in the test feature. The model is left as it was; do not
    call it from another thread meanwhile.

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
    maps = _last_maps(model, image, masked, flip)
    reference = reference.clone()  # what `infer` returns cannot take part in a gradient
    with torch.enable_grad():
        embedding = sum(model.main_stream.head(values.requires_grad_()).embedding.float() for values in maps)
        similarity = (F.normalize(embedding, dim=1) * reference).sum(1)  # (B,)
        gradients = torch.autograd.grad(similarity.sum(), maps)
    raw = [_weighted_sum(*pair) for pair in zip(maps, gradients, strict=True)]
    if flip:
        raw[1] = raw[1].flip(-1)
    heatmap, scale = _normalise(sum(raw).clamp(min=0), size or tuple(image.shape[-2:]))
    return GradCam(*(values.cpu().numpy() for values in (heatmap, scale, similarity.detach().clamp(-1, 1))))


def _last_maps(model: nn.Module, image: Tensor, masked: Tensor, flip: bool) -> list[Tensor]:
    """What the head of the main stream is given (B, C, h, w): of the photos, and of their mirror images."""
    maps: list[Tensor] = []
    with model.main_stream.head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].detach())):
        model(image, masked)
        if flip:
            model(image.flip(-1), masked.flip(-1))
    return maps


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
