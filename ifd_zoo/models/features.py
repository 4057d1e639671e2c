"""The test feature: the vectors of a model that are compared, and how they form one embedding.

Each part is the sum over an image and its mirror image, normalised to unit length: `neck`, the output of the main
stream's BN neck; `pooled`, the input of that neck (pooled F_rg, or F_g without attention) minus the neck's running
mean; `attention`, the output of the attention stream's BN neck. The parts of a feature are weighted and concatenated,
and the result is normalised to unit length.
"""

import copy
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.common.choices import DEFAULT_FEATURE, FEATURES
from ifd_zoo.common.errors import ZooError
from ifd_zoo.models.fingerprint import model_name
from ifd_zoo.models.layers import IFDOutput

PARTS: dict[str, Callable[[nn.Module, IFDOutput], Tensor]] = {
    'neck': lambda model, output: output.embedding.float(),
    'pooled': lambda model, output: output.pooled.float() - model.neck_mean,
    'attention': lambda model, output: output.attention_embedding.float(),
}
"""Name to a function that returns the part, (B, D), before normalisation."""

MEASURED = ('figures', 'precisions', 'comparison')
"""Fields of a release that were measured with its test feature."""


class FeatureError(ZooError, ValueError):
    """An unknown test feature, or one that the model cannot give; the message says which."""


def recorded_feature(info: Mapping[str, Any]) -> dict[str, float]:
    """Return parts and weights of a release's test feature; `info` is the section `ifd` of its config.json."""
    return info.get('feature', FEATURES[DEFAULT_FEATURE])


def feature_of(model: nn.Module) -> dict[str, float]:
    """Return parts and weights of a model's test feature."""
    return recorded_feature(getattr(model, 'release_info', {}))


def feature_name(model: nn.Module) -> str:
    """Return the name of the test feature as in `FEATURES`, followed by its weights if they differ from there."""
    feature = feature_of(model)
    name = '+'.join(feature)
    return name if FEATURES.get(name) == feature else f'{name} ({", ".join(map(str, feature.values()))})'


def embedding_size(model: nn.Module) -> int:
    """Return D, the length of an embedding."""
    return len(feature_of(model)) * model.num_features


def with_feature(model: nn.Module, name: str | None) -> nn.Module:
    """Return the model with another test feature, sharing its weights; the model itself if nothing changes.

    The copy's `release_info` does not have what was measured with the model's own test feature.

    Raises:
        FeatureError: the feature is unknown, or the model cannot give it.
    """
    if name is None:
        return model
    if name not in FEATURES:
        raise FeatureError(f'feature must be one of {", ".join(FEATURES)}, got {name!r}')
    if feature_of(model) == FEATURES[name]:
        return model
    model = copy.copy(model)
    info = {key: value for key, value in getattr(model, 'release_info', {}).items() if key not in MEASURED}
    model.release_info = info | {'feature': FEATURES[name]}
    require_feature(model)
    return model


def has_parts(model: nn.Module, feature: Collection[str]) -> bool:
    """Return whether a model has all parts of a feature: `attention` needs two streams."""
    return 'attention' not in feature or len(getattr(model, 'streams', tuple)()) > 1


def require_feature(model: nn.Module) -> None:
    """Raise FeatureError if the test feature in the model's release is invalid, or the model cannot give it."""
    feature = feature_of(model)
    if not isinstance(feature, dict) or not feature or not all(map(_is_weight, feature.values())):
        raise FeatureError(f'feature: must map parts ({", ".join(PARTS)}) to weights above 0, got {feature!r}')
    if unknown := sorted(feature.keys() - PARTS.keys()):
        raise FeatureError(f'feature: unknown part {", ".join(unknown)}; known: {", ".join(PARTS)}')
    if not has_parts(model, feature):
        raise FeatureError(f'feature {feature_name(model)}: {model_name(model)} has no attention stream; take {SINGLE}')


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


SINGLE = ' or '.join(name for name, parts in FEATURES.items() if 'attention' not in parts)
"""Test features that a model with a single stream can give, for messages."""


def raw_parts(model: nn.Module, output: IFDOutput) -> list[Tensor]:
    """Return the parts of the test feature from an output, (B, D) float32 each, before normalisation."""
    return [PARTS[name](model, output) for name in feature_of(model)]


def unite(model: nn.Module, views: Sequence[Sequence[Tensor]]) -> Tensor:
    """Combine the parts into the embedding (B, `embedding_size`), of unit length.

    Args:
        views: `raw_parts` of the images and, optionally, of their mirror images.
    """
    sums = [reduce(add, part) for part in zip(*views, strict=True)]
    if len(sums) == 1:
        return F.normalize(sums[0], dim=1)
    weights = feature_of(model).values()
    weighted = [weight * F.normalize(part, dim=1) for weight, part in zip(weights, sums, strict=True)]
    return F.normalize(torch.cat(weighted, dim=1), dim=1)
