"""Architectures by name, registered with timm: an IFD, a baseline and a student for each entry of `BACKBONES`.

Other methods are registered for the backbones in `METHOD_BACKBONES`.
"""

from inspect import signature
from pkgutil import resolve_name
from typing import Any, NamedTuple

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

from ifd_zoo.common.variants import NAMESAKES, VARIANTS, Variant, split_name
from ifd_zoo.models.cfg import RENDERED, bundled, paper, reid_cfg, trained
from ifd_zoo.models.network import STREAMS, FeatureMaps


class Backbone(NamedTuple):
    timm_name: str
    input_size: tuple[int, int] = (256, 128)
    """(height, width) in pixels."""
    first_conv: str = 'conv1'
    """Name of the first convolution in the backbone."""


BACKBONES = {
    'resnet10t': Backbone('resnet10t', (128, 64), 'conv1.0'),
    'resnet18': Backbone('resnet18'),
    'resnet50': Backbone('resnet50.tv_in1k', (384, 192)),  # as in the paper
    'mobilenetv4_conv_small': Backbone('mobilenetv4_conv_small', first_conv='conv_stem'),
    'convnext_tiny': Backbone('convnext_tiny.in12k_ft_in1k', first_conv='stem_0'),
    # Images are padded to multiples of 14 pixels.
    'vit_small_patch14_dinov2': Backbone('vit_small_patch14_dinov2.lvd142m', (252, 126), 'model.patch_embed.proj'),
}
"""Name after `ifd_`, `ifd_baseline_` or `ifd_student_` to backbone; a new one is one line."""
METHOD_BACKBONES = ('resnet10t', 'resnet50')
"""Keys of `BACKBONES`."""

TRAINED: dict[str, dict[str, Any]] = {
    # The first entry of an architecture is its default.
    'ifd_resnet10t.photos': {
        **bundled('ifd_resnet10t.photos'),
        **trained('--recipe photos_192 --init RUN --photos DIR --feature pooled+attention', RENDERED),
    },
    'ifd_baseline_resnet10t.photos': {
        **bundled('ifd_baseline_resnet10t.photos'),
        **trained('--recipe photos_192 --variant baseline --init RUN --photos DIR --feature neck', RENDERED),
    },
    'ifd_resnet10t.synthetic': {**bundled('ifd_resnet10t.synthetic'), **trained('--recipe synthetic', RENDERED)},
    'ifd_resnet10t.outfits': {
        **bundled('ifd_resnet10t.outfits'),
        **trained('--recipe outfits --feature neck+pooled+attention', RENDERED),
    },
    'ifd_student_resnet10t.photos': {
        **bundled('ifd_student_resnet10t.photos'),
        **trained('--recipe student --teacher ifd_resnet10t.photos --photos DIR', RENDERED),
    },
    'ifd_resnet10t.ablation': trained('--recipe ablation', RENDERED),
    'ifd_resnet10t.ablation_ikt': trained('--recipe ablation --variant ikt --tag ablation_ikt', RENDERED),
    'ifd_resnet10t.ablation_cl': trained('--recipe ablation --variant ifd_cl --tag ablation_cl', RENDERED),
    'ifd_resnet50.prcc': trained('--recipe prcc', 'PRCC'),
    'ifd_resnet50.ltcc': trained('--recipe ltcc', 'LTCC'),
    'ifd_baseline_resnet10t.synthetic': {
        **bundled('ifd_baseline_resnet10t.synthetic'),
        **trained('--recipe synthetic --variant baseline', RENDERED),
    },
    'ifd_baseline_resnet10t.ablation': trained('--recipe ablation --variant baseline', RENDERED),
    'ifd_baseline_resnet10t.ablation_cbd': trained('--recipe ablation --variant cbd --tag ablation_cbd', RENDERED),
    'ifd_baseline_resnet50.prcc': trained('--recipe prcc --variant baseline', 'PRCC'),
    'ifd_baseline_resnet50.ltcc': trained('--recipe ltcc --variant baseline', 'LTCC'),
}
"""`architecture.tag` of each training run to its weights-table fields; a new one is one line."""


def _method_runs(name: str, variant: Variant) -> dict[str, dict[str, Any]]:
    architecture, own = variant.prefix + (variant.settings | variant.recipe)['backbone'], variant.family == name
    tags = {data: data if own else f'{name}_{data}' for data in ('prcc', 'ltcc')}
    return {
        f'{architecture}.{tag}': trained(
            f'--recipe {name} --data {data}' + ('' if own else f' --tag {tag}'), data.upper()
        )
        for data, tag in tags.items()
    }


for _name, _variant in VARIANTS.items():
    if _variant.recipe:
        TRAINED |= _method_runs(_name, _variant)

NETWORKS = {1: 'ifd_zoo.models.baseline:Baseline', 2: 'ifd_zoo.models.ifd:IFD'}
"""Number of streams to class, for variants that do not name one."""

default_cfgs: dict[str, Any] = {}


def network_class(architecture: str) -> type[nn.Module]:
    """Return the class of an architecture, registered or not."""
    variant = VARIANTS[split_name(architecture)[0]]
    return resolve_name(variant.network or NETWORKS[variant.streams])


def arguments(architecture: str) -> tuple[str, ...]:
    """Return the names of an architecture's constructor arguments."""
    return tuple(signature(network_class(architecture)).parameters)


def _register(architecture: str, variant: Variant, backbone: Backbone) -> None:
    kind = network_class(architecture)
    about = paper(variant.reference) | {'input_size': (3, *backbone.input_size)}
    cfg = reid_cfg(STREAMS[: variant.streams], backbone.first_conv, **about)
    tagged = {tag: cfg | fields for tag, fields in TRAINED.items() if tag.partition('.')[0] == architecture}
    # If there are bundled weights, they are the default of the architecture.
    first = {} if any('file' in fields for fields in tagged.values()) else {architecture: cfg}
    default_cfgs.update(generate_default_cfgs(first | tagged))
    own = {name: value for name, value in variant.settings.items() if name in arguments(architecture)}

    def create(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        options = {'backbone': backbone.timm_name, **own, **kwargs}
        features = {'feature_cls': FeatureMaps, 'out_indices': None}  # for features_only=True
        return build_model_with_cfg(kind, architecture, pretrained, feature_cfg=features, **options)

    create.__name__ = create.__qualname__ = architecture  # the name under which timm registers it
    create.__doc__ = f'{kind.__name__} over {backbone.timm_name}.'
    register_model(create)


for _prefix, _name in NAMESAKES.items():
    for _backbone in METHOD_BACKBONES if VARIANTS[_name].reference else BACKBONES:
        _register(_prefix + _backbone, VARIANTS[_name], BACKBONES[_backbone])
