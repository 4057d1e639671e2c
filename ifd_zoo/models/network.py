"""What all architectures have beside their `forward`: the methods that users of timm look for, and their feature maps.

Of a network with two streams it is the main stream that these speak of, since its vector is compared, and the
attention stream is how it gets there: the last feature map is F_rg, weighted by W_I. Layers of both streams at the same
depth form one group of parameters, and memory is saved in both.
"""

from collections.abc import Sequence
from typing import Any

from timm.models._features import FeatureInfo, feature_take_indices  # not public; what features_only gives elsewhere
from torch import Tensor, nn

STREAMS = ('main_stream', 'attention_stream')


class Network(nn.Module):
    """Base of the architectures, which have a `main_stream` and perhaps an `attention_stream`."""

    main_stream: nn.Module
    num_classes: int
    """Training identities K; 0 without classifiers."""
    num_features: int
    """D of the main stream's head."""

    def streams(self) -> tuple[nn.Module, ...]:
        """The streams, main stream first."""
        return tuple(getattr(self, name) for name in STREAMS if hasattr(self, name))

    @property
    def neck_mean(self) -> Tensor:
        """(D,): running mean of what goes into the main stream's BN neck."""
        return self.main_stream.head.neck.running_mean

    def seen(self, image: Tensor, masked: Tensor | None) -> Tensor:
        """Which of the two images the main stream sees."""
        return image

    def weigh(self, maps: Tensor, image: Tensor, masked: Tensor | None) -> Tensor:
        """F_rg (B, C, h, w) of F_g; without attention F_g itself."""
        return maps

    def forward_features(self, image: Tensor, masked: Tensor | None = None) -> Tensor:
        """What the main stream's head is given, (B, C, h, w); arguments as for `forward`."""
        return self.weigh(self.main_stream.backbone(self.seen(image, masked)), image, masked)

    def forward_head(self, maps: Tensor, pre_logits: bool = False) -> Tensor:
        """Identity scores of `forward_features`, as `main_logits` of `forward`.

        Args:
            maps: (B, C, h, w).
            pre_logits: the embedding (B, D) instead, which is also what a network without classifiers gives.
        """
        head = self.main_stream.head(maps)
        return head.embedding if pre_logits or head.logits is None else head.logits

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """For each stage of the main stream `num_chs` (channels), `reduction` (pixels to a cell) and `module`."""
        prefix = 'main_stream.backbone.net.'
        return [stage | {'module': prefix + stage['module']} for stage in self.main_stream.backbone.describe_stages()]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the layers of all backbones again in the backward pass, which takes less memory and more time.

        The running statistics of batch norms then take in each batch twice, as with timm's own networks.
        """
        for stream in self.streams():
            stream.backbone.set_grad_checkpointing(enable)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns by which timm groups parameters by depth; what is behind the backbones is the last group.

        Args:
            coarse: a group for each stage in place of each block.
        """
        return self.main_stream.backbone.group_matcher(rf'(?:{"|".join(STREAMS)})\.backbone\.net\.', coarse)

    def get_classifier(self) -> nn.Module:
        return self.main_stream.head.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """New, freshly initialised classifiers over `num_classes` identities; 0 removes them."""
        self.num_classes = num_classes
        for stream in self.streams():
            stream.head.reset_classifier(num_classes)


class FeatureMaps(nn.Module):
    """The main stream's feature maps, stage by stage: a network that was asked for with `features_only=True`.

    Args:
        model: whose main stream from here on computes all stages.
        out_indices: which stages, as everywhere in timm; default: all.

    Attributes:
        feature_info: timm's description of them.
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
        """(B, C, h, w) each; the last stage is `forward_features`. Arguments as for `forward` of the network."""
        *stages, last = self.model.main_stream.backbone.net(self.model.seen(image, masked))
        wanted = self.feature_info.out_indices
        if len(stages) in wanted:
            last = self.model.weigh(last, image, masked)
        return [[*stages, last][index] for index in wanted]
