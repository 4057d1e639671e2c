"""The test feature: which vectors of a model are compared, and how they become one embedding.

Each part is the sum over an image and its mirror image, brought to unit length: `neck`, what comes out of the main
stream's BN neck; `pooled`, what goes into it (F_rg, of a single stream F_g, pooled) minus the neck's running mean;
`attention`, what comes out of the attention stream's own BN neck. The parts of a feature are weighted and stand one
after the other, and the whole has unit length.
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
"""(B, D) each, before normalisation."""

MEASURED = ('figures', 'precisions', 'comparison')
"""Fields of a release that hold for its test feature alone."""


class FeatureError(ZooError, ValueError):
    """A test feature that there is not, or that the model cannot give; the message says which."""


def recorded_feature(info: Mapping[str, Any]) -> dict[str, float]:
    """Parts and weights of the test feature of a release; `info` is the section `ifd` of its config.json."""
    return info.get('feature', FEATURES[DEFAULT_FEATURE])


def feature_of(model: nn.Module) -> dict[str, float]:
    """Parts and weights of a model's test feature."""
    return recorded_feature(getattr(model, 'release_info', {}))


def feature_name(model: nn.Module) -> str:
    """Name the test feature, as in `FEATURES`; with other weights than there, these too."""
    feature = feature_of(model)
    name = '+'.join(feature)
    return name if FEATURES.get(name) == feature else f'{name} ({", ".join(map(str, feature.values()))})'


def embedding_size(model: nn.Module) -> int:
    """D: how many numbers are in an embedding."""
    return len(feature_of(model)) * model.num_features


def with_feature(model: nn.Module, name: str | None) -> nn.Module:
    """The model with another test feature, its weights shared; the model itself where that is its own, or for None.

    What has been measured with its own test feature is not in the copy's `release_info`.

    Raises:
        FeatureError: there is no such feature, or the model cannot give it.
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
    """Whether a model has all parts of a feature: that of the attention stream wants two streams."""
    return 'attention' not in feature or len(getattr(model, 'streams', tuple)()) > 1


def require_feature(model: nn.Module) -> None:
    """Raises FeatureError: what the model's release records as its test feature is none, or none that it can give."""
    feature = feature_of(model)
    if not isinstance(feature, dict) or not feature or not all(map(_is_weight, feature.values())):
        raise FeatureError(f'feature: must give parts of {", ".join(PARTS)} weights above 0, got {feature!r}')
    if unknown := sorted(feature.keys() - PARTS.keys()):
        raise FeatureError(f'feature: no part {", ".join(unknown)}; there are {", ".join(PARTS)}')
    if not has_parts(model, feature):
        raise FeatureError(f'feature {feature_name(model)}: {model_name(model)} has no attention stream; take {SINGLE}')


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


SINGLE = ' or '.join(name for name, parts in FEATURES.items() if 'attention' not in parts)
"""What a model with a single stream can give."""


def raw_parts(model: nn.Module, output: IFDOutput) -> list[Tensor]:
    """Pick the parts of the test feature from an output, (B, D) float32 each, before normalisation."""
    return [PARTS[name](model, output) for name in feature_of(model)]


def unite(model: nn.Module, views: Sequence[Sequence[Tensor]]) -> Tensor:
    """The embedding (B, `embedding_size`), of unit length.

    Args:
        views: `raw_parts` of the images and, if it is to be added, of their mirror images.
    """
    sums = [reduce(add, part) for part in zip(*views, strict=True)]
    if len(sums) == 1:
        return F.normalize(sums[0], dim=1)
    weights = feature_of(model).values()
    weighted = [weight * F.normalize(part, dim=1) for weight, part in zip(weights, sums, strict=True)]
    return F.normalize(torch.cat(weighted, dim=1), dim=1)
