"""The single-stream baseline of Table II: backbone, BN neck and identity loss.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPRW 2019.

With `cbd=True` it is the paper's "w/ CBD": there is no attention stream, so F_g takes the place of F_rg in F_c. The
paper leaves this open; see the README, "Where the paper is silent".
"""

from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

from ifd_zoo.models.cfg import RENDERED, bundled, reid_cfg, trained
from ifd_zoo.models.ifd import ClothingBiasDiminishing, Stream
from ifd_zoo.models.layers import IFDOutput


class Baseline(nn.Module):
    """The main stream alone.

    Args:
        backbone: timm name.
        num_classes: training identities K; 0 for a model without classifier (a release).
        in_chans: image channels.
        pool: `avg` or `max_avg`, see `GlobalPool`.
        cbd: with the clothing bias diminishing module.
        masked: the stream sees the clothing-masked image in place of the image.
        last_stride: see `Backbone`.
        neck_affine: see `IdentityHead`.
        clothing_resize, clothing_normalize: see `ClothingBiasDiminishing`.
    """

    gives_attention = False

    def __init__(
        self,
        backbone: str = 'resnet50.tv_in1k',
        num_classes: int = 0,
        in_chans: int = 3,
        pool: str = 'avg',
        cbd: bool = False,
        *,
        masked: bool = False,
        last_stride: int = 1,
        neck_affine: bool = True,
        clothing_resize: str = 'area',
        clothing_normalize: bool = True,
    ) -> None:
        super().__init__()
        self.needs_mask = masked
        self.main_stream = Stream(backbone, num_classes, in_chans, pool, last_stride, neck_affine)
        channels = self.main_stream.backbone.num_features
        self.cbd = ClothingBiasDiminishing(channels, clothing_resize, clothing_normalize) if cbd else None
        self.num_classes = num_classes
        self.num_features = self.main_stream.head.num_features

    def forward(self, image: Tensor, masked: Tensor | None = None, clothing: Tensor | None = None) -> IFDOutput:
        """Same call as `IFD.forward`, of which one of the two images is looked at."""
        seen = masked if self.needs_mask and masked is not None else image
        maps = self.main_stream.backbone(seen)  # F_g (B, C, h, w)
        main = self.main_stream.head(maps)
        clothing_features = self.cbd(maps, clothing) if self.cbd is not None and clothing is not None else None
        return IFDOutput(main.embedding, None, main.logits, None, clothing_features, main.pooled, None)

    @property
    def neck_mean(self) -> Tensor:
        """As of `IFD`."""
        return self.main_stream.head.neck.running_mean

    def streams(self) -> tuple[Stream, ...]:
        """The streams: the main stream alone."""
        return (self.main_stream,)

    def get_classifier(self) -> nn.Module:
        return self.main_stream.head.classifier

    def reset_classifier(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.main_stream.head.reset_classifier(num_classes)


def _cfg(first_conv: str = 'conv1', **kwargs: Any) -> dict[str, Any]:
    return reid_cfg(('main_stream',), first_conv, **kwargs)


def _small(**kwargs: Any) -> dict[str, Any]:
    return _cfg('conv1.0', input_size=(3, 128, 64), **kwargs)


default_cfgs = generate_default_cfgs({
    'ifd_baseline_resnet10t.synthetic': _small(
        **bundled('ifd_baseline_resnet10t.synthetic'), **trained('--recipe synthetic --variant baseline', RENDERED)
    ),
    'ifd_baseline_resnet10t.ablation': _small(**trained('--recipe ablation --variant baseline', RENDERED)),
    'ifd_baseline_resnet10t.ablation_cbd': _small(
        **trained('--recipe ablation --variant cbd --tag ablation_cbd', RENDERED)
    ),
    'ifd_baseline_resnet18': _cfg(),
    'ifd_baseline_resnet50': _cfg(input_size=(3, 384, 192)),
    'ifd_baseline_resnet50.prcc': _cfg(input_size=(3, 384, 192), **trained('--recipe prcc --variant baseline', 'PRCC')),
    'ifd_baseline_resnet50.ltcc': _cfg(input_size=(3, 384, 192), **trained('--recipe ltcc --variant baseline', 'LTCC')),
    'ifd_baseline_mobilenetv4_conv_small': _cfg('conv_stem'),
    'ifd_baseline_convnext_tiny': _cfg('stem_0'),
    'ifd_baseline_vit_small_patch14_dinov2': _cfg('model.patch_embed.proj', input_size=(3, 252, 126)),
})


def _create_baseline(variant: str, pretrained: bool = False, **kwargs: Any) -> Baseline:
    return build_model_with_cfg(Baseline, variant, pretrained, **kwargs)


@register_model
def ifd_baseline_resnet10t(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_resnet10t`."""
    return _create_baseline('ifd_baseline_resnet10t', pretrained, **dict(dict(backbone='resnet10t'), **kwargs))


@register_model
def ifd_baseline_resnet18(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_resnet18`."""
    return _create_baseline('ifd_baseline_resnet18', pretrained, **dict(dict(backbone='resnet18'), **kwargs))


@register_model
def ifd_baseline_resnet50(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_resnet50`."""
    return _create_baseline('ifd_baseline_resnet50', pretrained, **dict(dict(backbone='resnet50.tv_in1k'), **kwargs))


@register_model
def ifd_baseline_mobilenetv4_conv_small(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_mobilenetv4_conv_small`."""
    model_args = dict(dict(backbone='mobilenetv4_conv_small'), **kwargs)
    return _create_baseline('ifd_baseline_mobilenetv4_conv_small', pretrained, **model_args)


@register_model
def ifd_baseline_convnext_tiny(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_convnext_tiny`."""
    model_args = dict(dict(backbone='convnext_tiny.in12k_ft_in1k'), **kwargs)
    return _create_baseline('ifd_baseline_convnext_tiny', pretrained, **model_args)


@register_model
def ifd_baseline_vit_small_patch14_dinov2(pretrained: bool = False, **kwargs: Any) -> Baseline:
    """Baseline twin of `ifd_vit_small_patch14_dinov2`."""
    model_args = dict(dict(backbone='vit_small_patch14_dinov2.lvd142m'), **kwargs)
    return _create_baseline('ifd_baseline_vit_small_patch14_dinov2', pretrained, **model_args)
