"""A task turns a batch into a dict of named losses; the training loop sums and logs them and knows none of them."""

from torch import Tensor, nn

from ifd_zoo.models import IFD
from train.config import Config
from train.losses import ClothingContrastiveLoss, IdentityLoss, SupConLoss


class AttentionTask(nn.Module):
    """Stage 1: the attention stream alone, L_ID^a (section II.C)."""

    def __init__(self, model: IFD, config: Config) -> None:
        super().__init__()
        self.stream = model.attention_stream
        self.identity = IdentityLoss(config.label_smoothing)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {'id_attention': self.identity(self.stream(batch['masked']).logits, batch['pid'])}


class JointTask(nn.Module):
    """Stage 2: L_all = L_ID^m + L_ID^a + lambda L_CCL (eq. 6), without the terms that the recipe leaves out."""

    def __init__(self, model: nn.Module, config: Config) -> None:
        super().__init__()
        self.model = model
        self.identity = IdentityLoss(config.label_smoothing)
        self.contrastive = {
            'none': None,
            'ccl': ClothingContrastiveLoss(config.tau, config.T),
            'supcon': SupConLoss(config.tau),
        }[config.contrastive]
        self.weight = config.ccl_weight

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        output = self.model(batch['image'], batch['masked'], batch['clothing'])
        losses = {'id_main': self.identity(output.main_logits, batch['pid'])}
        if output.attention_logits is not None:
            losses['id_attention'] = self.identity(output.attention_logits, batch['pid'])
        if self.contrastive is not None:
            losses['clothing'] = self.weight * self._contrast(output.clothing_features, batch)
        return losses

    def _contrast(self, features: Tensor, batch: dict[str, Tensor]) -> Tensor:
        valid = batch['clothing'].flatten(1).any(1)  # an image without a clothing pixel has no clothing feature
        if isinstance(self.contrastive, SupConLoss):
            return self.contrastive(features, batch['pid'], valid)
        return self.contrastive(features, batch['pid'], batch['clothes_id'], valid)
