"""The single-stream baseline of Table II: backbone, BN neck and identity loss.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPRW 2019.

With `cbd=True` it is the paper's "w/ CBD": there is no attention stream, so F_g takes the place of F_rg in F_c. The
paper leaves this open; see train/README.md, "Where the paper is silent".
"""

from torch import Tensor

from ifd_zoo.models.ifd import ClothingBiasDiminishing, Stream
from ifd_zoo.models.layers import IFDOutput
from ifd_zoo.models.network import Network


class Baseline(Network):
    """The main stream alone.

    Args:
        backbone: timm name.
        num_classes: training identities K; 0 for a model without classifier (a release).
        in_chans: image channels.
        pool: `avg` or `max_avg`, see `GlobalPool`.
        cbd: include the clothing bias diminishing module.
        masked: the stream sees the clothing-masked image instead of the image.
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
        """Run the stream on `masked` if the model needs masks, else on `image`; arguments as for `IFD.forward`."""
        maps = self.main_stream.backbone(self.seen(image, masked))  # F_g (B, C, h, w)
        attention = self.attend(maps)
        maps = maps if attention is None else attention * maps  # F_rg
        main = self.main_stream.head(maps)
        clothing_features = self.cbd(maps, clothing) if self.cbd is not None and clothing is not None else None
        return IFDOutput(main.embedding, attention, main.logits, None, clothing_features, main.pooled, None)

    def attend(self, maps: Tensor) -> Tensor | None:
        """Return W_I (B, 1, h, w) for F_g; None without attention."""
        return None

    def weigh(self, maps: Tensor, image: Tensor, masked: Tensor | None) -> Tensor:
        attention = self.attend(maps)
        return maps if attention is None else attention * maps

    def seen(self, image: Tensor, masked: Tensor | None) -> Tensor:
        return masked if self.needs_mask and masked is not None else image
