"""Base class of the architectures, with the methods that users of timm expect, and feature maps by stage.

For a network with two streams these methods refer to the main stream, whose last feature map is F_rg, weighted by W_I
from the attention stream. Layers of both streams at the same depth form one group of parameters, and gradient
checkpointing applies to both.
"""

from collections.abc import Sequence
from typing import Any

from timm.models._features import FeatureInfo, feature_take_indices  # not public; used by timm's features_only
from torch import Tensor, nn

STREAMS = ('main_stream', 'attention_stream')


class Network(nn.Module):
    """Base class of the architectures, which have a `main_stream` and possibly an `attention_stream`."""

    main_stream: nn.Module
    num_classes: int
    """Training identities K; 0 without classifiers."""
    num_features: int
    """D of the main stream's head."""

    def streams(self) -> tuple[nn.Module, ...]:
        """Return the streams, main stream first."""
        return tuple(getattr(self, name) for name in STREAMS if hasattr(self, name))

    @property
    def neck_mean(self) -> Tensor:
        """(D,) float, running mean of the input of the main stream's BN neck."""
        return self.main_stream.head.neck.running_mean

    def seen(self, image: Tensor, masked: Tensor | None) -> Tensor:
        """Return the one of the two images that the main stream sees."""
        return image

    def weigh(self, maps: Tensor, image: Tensor, masked: Tensor | None) -> Tensor:
        """Weight F_g with the attention: return F_rg (B, C, h, w), or F_g without attention."""
        return maps

    def forward_features(self, image: Tensor, masked: Tensor | None = None) -> Tensor:
        """Return the input of the main stream's head, (B, C, h, w); arguments as for `forward`."""
        return self.weigh(self.main_stream.backbone(self.seen(image, masked)), image, masked)

    def forward_head(self, maps: Tensor, pre_logits: bool = False) -> Tensor:
        """Return identity scores for the output of `forward_features`, as `main_logits` of `forward`.

        Args:
            maps: (B, C, h, w).
            pre_logits: return the embedding (B, D) instead, as networks without classifiers always do.
        """
        head = self.main_stream.head(maps)
        return head.embedding if pre_logits or head.logits is None else head.logits

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """`num_chs` (channels), `reduction` (pixels per cell) and `module` for each stage of the main stream."""
        prefix = 'main_stream.backbone.net.'
        return [stage | {'module': prefix + stage['module']} for stage in self.main_stream.backbone.describe_stages()]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the layers of all backbones in the backward pass, which takes less memory and more time.

        The running statistics of batch norms are then updated twice per batch, as in timm's own networks.
        """
        for stream in self.streams():
            stream.backbone.set_grad_checkpointing(enable)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return timm's patterns to group parameters by depth; all that follows the backbones is the last group.

        Args:
            coarse: one group per stage instead of per block.
        """
        return self.main_stream.backbone.group_matcher(rf'(?:{"|".join(STREAMS)})\.backbone\.net\.', coarse)

    def get_classifier(self) -> nn.Module:
        return self.main_stream.head.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifiers with new ones over `num_classes` identities; 0 removes them."""
        self.num_classes = num_classes
        for stream in self.streams():
            stream.head.reset_classifier(num_classes)


class FeatureMaps(nn.Module):
    """The main stream's feature maps by stage: what `features_only=True` gives in timm.

    Args:
        model: its main stream is changed to compute all stages.
        out_indices: stages to return, as elsewhere in timm; default: all.

    Attributes:
        feature_info: timm's description of the returned stages.
    """

    def __init__(self, model: Network, out_indices: int | Sequence[int] | None = None) -> None:
        super().__init__()
        self.feature_info = FeatureInfo(model.feature_info, 1)
        taken, _ = feature_take_indices(len(self.feature_info), out_indices)
        self.feature_info = self.feature_info.from_other(tuple(taken))
        model.main_stream.backbone.give_all_stages()
        self.model = model

    def streams(self) -> tuple[nn.Module, ...]:
        return self.model.streams()

    def forward(self, image: Tensor, masked: Tensor | None = None) -> list[Tensor]:
        """Return maps (B, C, h, w), the last that of `forward_features`; arguments as for the network's `forward`."""
        *stages, last = self.model.main_stream.backbone.net(self.model.seen(image, masked))
        wanted = self.feature_info.out_indices
        if len(stages) in wanted:
            last = self.model.weigh(last, image, masked)
        return [[*stages, last][index] for index in wanted]
