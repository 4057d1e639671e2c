"""Architectures by name: an IFD and its single-stream twin for each line of `BACKBONES`, registered with timm."""

from typing import Any, NamedTuple

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import nn

from ifd_zoo.models.baseline import Baseline
from ifd_zoo.models.cfg import RENDERED, bundled, reid_cfg, trained
from ifd_zoo.models.ifd import IFD


class Backbone(NamedTuple):
    timm_name: str
    input_size: tuple[int, int] = (256, 128)
    """(height, width) in pixels."""
    first_conv: str = 'conv1'
    """Name of the first convolution in it."""


BACKBONES = {
    'resnet10t': Backbone('resnet10t', (128, 64), 'conv1.0'),
    'resnet18': Backbone('resnet18'),
    'resnet50': Backbone('resnet50.tv_in1k', (384, 192)),  # as in the paper
    'mobilenetv4_conv_small': Backbone('mobilenetv4_conv_small', first_conv='conv_stem'),
    'convnext_tiny': Backbone('convnext_tiny.in12k_ft_in1k', first_conv='stem_0'),
    # Its images are padded to multiples of 14 pixels.
    'vit_small_patch14_dinov2': Backbone('vit_small_patch14_dinov2.lvd142m', (252, 126), 'model.patch_embed.proj'),
}
"""What comes after `ifd_` and `ifd_baseline_`; a new one is one line."""

TRAINED: dict[str, dict[str, Any]] = {
    'ifd_resnet10t.synthetic': {**bundled('ifd_resnet10t.synthetic'), **trained('--recipe synthetic', RENDERED)},
    'ifd_resnet10t.outfits': {
        **bundled('ifd_resnet10t.outfits'),
        **trained('--recipe outfits', RENDERED),
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
"""`architecture.tag` of each training run; a new one is one line."""

KINDS = {
    'ifd_': (IFD, ('main_stream', 'attention_stream')),
    'ifd_baseline_': (Baseline, ('main_stream',)),
}
"""Beginning of the name to class and streams."""

default_cfgs: dict[str, Any] = {}


def _register(prefix: str, name: str, backbone: Backbone) -> None:
    (kind, streams), architecture = KINDS[prefix], prefix + name
    cfg = reid_cfg(streams, backbone.first_conv, input_size=(3, *backbone.input_size))
    tagged = {tag: cfg | fields for tag, fields in TRAINED.items() if tag.partition('.')[0] == architecture}
    # Weights that come with the package are what the bare name stands for.
    first = {} if any('file' in fields for fields in tagged.values()) else {architecture: cfg}
    default_cfgs.update(generate_default_cfgs(first | tagged))

    def create(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        return build_model_with_cfg(kind, architecture, pretrained, **{'backbone': backbone.timm_name, **kwargs})

    create.__name__ = create.__qualname__ = architecture  # by which timm registers it
    create.__doc__ = f'{kind.__name__} over {backbone.timm_name}.'
    register_model(create)


for _prefix in KINDS:
    for _name, _backbone in BACKBONES.items():
        _register(_prefix, _name, _backbone)
