"""A task turns a batch into a dict of named losses; the training loop sums and logs them and knows none of them."""

from torch import Tensor, nn

from ifd_zoo.models import IFD
from train.config import Config
from train.gather import gather
from train.losses import BatchHardTripletLoss, ClothingContrastiveLoss, IdentityLoss, SupConLoss

CONTRASTIVE = {'none': None, 'ccl': ClothingContrastiveLoss, 'supcon': SupConLoss}


class AttentionTask(nn.Module):
    """Stage 1: the attention stream alone, L_ID^a (section II.C)."""

    def __init__(self, model: IFD, config: Config) -> None:
        super().__init__()
        self.stream = model.attention_stream
        self.identity = IdentityLoss(config.label_smoothing)

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        return {'id_attention': self.identity(self.stream(batch['masked']).logits, batch['pid'])}


class JointTask(nn.Module):
    """Stage 2: L_all = L_ID^m + L_ID^a + lambda L_CCL (eq. 6), without the terms that the variant leaves out.

    Beyond the paper, a triplet loss on the main stream's pooled vector. Identity losses are over this process' images,
    the others over the images of all processes.
    """

    def __init__(self, model: nn.Module, config: Config) -> None:
        super().__init__()
        self.model = model
        self.identity = IdentityLoss(config.label_smoothing)
        contrastive = CONTRASTIVE[config.contrastive]
        self.contrastive = contrastive and contrastive(config.tau)
        self.weight, self.warmup = config.ccl_weight, config.ccl_warmup
        self.triplet = BatchHardTripletLoss() if config.triplet_weight else None
        self.triplet_weight = config.triplet_weight
        self.T, self.T_end = config.T, config.T_end or config.T

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Named losses of a batch; `progress` is the share of the stage that is over, in [0, 1)."""
        output = self.model(batch['image'], batch.get('masked'), batch.get('clothing'))
        losses = {'id_main': self.identity(output.main_logits, batch['pid'])}
        if output.attention_logits is not None:
            losses['id_attention'] = self.identity(output.attention_logits, batch['pid'])
        if self.contrastive is not None:
            rise = min(1.0, progress / self.warmup) if self.warmup else 1.0
            losses['clothing'] = self.weight * rise * self._contrast(output.clothing_features, batch, progress)
        if self.triplet is not None:
            losses['triplet'] = self.triplet_weight * self.triplet(gather(output.pooled), gather(batch['pid']))
        return losses

    def _contrast(self, features: Tensor, batch: dict[str, Tensor], progress: float) -> Tensor:
        valid = batch['clothing'].flatten(1).any(1)  # an image without a clothing pixel has no clothing feature
        features, pids, outfits = gather(features), gather(batch['pid']), gather(batch['clothes_id'])
        T = self.T + (self.T_end - self.T) * progress
        return self.contrastive(features, pids, outfits, gather(valid.to(pids.dtype)), T)
