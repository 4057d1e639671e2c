"""Tasks turn a batch into a dict of named losses, which the training loop sums and logs without knowing any of them."""

import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.models import IFD, IFDOutput
from train.config import Config
from train.gather import gather
from train.losses import BatchHardTripletLoss, ClothingContrastiveLoss, IdentityLoss, OffPersonLoss, SupConLoss

CONTRASTIVE = {
    'none': lambda config: None,
    'ccl': lambda config: ClothingContrastiveLoss(config.tau, config.ccl_unit_mean),
    'supcon': lambda config: SupConLoss(config.tau),
}


class AttentionTask(nn.Module):
    """Stage 1: the attention stream alone, L_ID^a (section II.C)."""

    def __init__(self, model: IFD, config: Config) -> None:
        super().__init__()
        self.stream = model.attention_stream
        self.identity = PersonLoss(config)
        self.embeddings = EmbeddingLoss(config)

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        output = self.stream(batch['masked'])
        losses = {'id_attention': self.identity(output.logits, batch['pid'])}
        return losses | self.embeddings({'attention': output.embedding}, batch['pid'])


class JointTask(nn.Module):
    """Stage 2: L_all = L_ID^m + L_ID^a + lambda L_CCL (eq. 6), without the terms that the variant leaves out.

    Beyond the paper, a triplet loss on the main stream's pooled vector, a loss that keeps W_I on the person, and
    contrastive losses over persons and photos. Identity losses and the W_I loss are over this process' images, the
    others over the images of all processes.

    Args:
        model: its own parameters, and only these, are released.
        config: of the run.
        dataset: training data, for tasks that need its outfits.
    """

    def __init__(self, model: nn.Module, config: Config, dataset: ReIDDataset) -> None:
        super().__init__()
        self.model = model
        self.identity = PersonLoss(config)
        self.contrastive = CONTRASTIVE[config.contrastive](config)
        self.weight, self.warmup = config.ccl_weight, config.ccl_warmup
        self.triplet = BatchHardTripletLoss() if config.triplet_weight else None
        self.triplet_weight = config.triplet_weight
        self.off_person, self.off_person_weight = OffPersonLoss(), config.off_person_weight
        self.embeddings = EmbeddingLoss(config)
        self.T, self.T_end = config.T, config.T_end or config.T

    def forward(self, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Return the named losses of a batch; `progress` is the completed share of the stage, in [0, 1)."""
        return self.losses(self.model(batch['image'], batch.get('masked'), batch.get('clothing')), batch, progress)

    def losses(self, output: IFDOutput, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        """Return the named losses of the model's output for a batch."""
        losses = {'id_main': self.identity(output.main_logits, batch['pid'])}
        if output.attention_logits is not None:
            losses['id_attention'] = self.identity(output.attention_logits, batch['pid'])
        if self.contrastive is not None:
            rise = min(1.0, progress / self.warmup) if self.warmup else 1.0
            losses['clothing'] = self.weight * rise * self._contrast(output.clothing_features, batch, progress)
        if self.triplet is not None:
            pids = gather(batch['pid'])
            losses['triplet'] = self.triplet_weight * self.triplet(gather(output.pooled), pids, pids >= 0)
        if self.off_person_weight and output.attention is not None:
            losses['off_person'] = self.off_person_weight * self.off_person(output.attention, batch['person'])
        embeddings = {'main': output.embedding, 'attention': output.attention_embedding}
        return losses | self.embeddings(embeddings, batch['pid'])

    def _contrast(self, features: Tensor, batch: dict[str, Tensor], progress: float) -> Tensor:
        # Images without clothing pixels have no clothing feature, and photos have no known person.
        valid = batch['clothing'].flatten(1).any(1) & (batch['pid'] >= 0)
        features, pids, outfits = gather(features), gather(batch['pid']), gather(batch['clothes_id'])
        T = self.T + (self.T_end - self.T) * progress
        return self.contrastive(features, pids, outfits, gather(valid.to(pids.dtype)), T)


class PersonLoss(nn.Module):
    """L_ID over the images of a batch whose pid is a class; photos have negative pids."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.identity = IdentityLoss(config.label_smoothing)

    def forward(self, logits: Tensor, pids: Tensor) -> Tensor:
        known = pids >= 0
        return self.identity(logits[known], pids[known])


class EmbeddingLoss(nn.Module):
    """Supervised contrastive losses over embeddings: of persons, and of photos, each a person seen in two outfits."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.loss = SupConLoss(config.tau)
        self.weights = {'persons': config.person_weight, 'photos': config.photo_weight}

    def forward(self, embeddings: dict[str, Tensor | None], pids: Tensor) -> dict[str, Tensor]:
        """Return one loss for each of the given embeddings (B, D), over persons, photos or both.

        Losses of weight 0, and those without any images in the batch, are left out.
        """
        pids = gather(pids)
        groups = {'persons': pids >= 0, 'photos': pids < 0}
        groups = {name: valid for name, valid in groups.items() if self.weights[name] and valid.any()}
        if not groups:
            return {}
        unit = {name: F.normalize(gather(value), dim=1) for name, value in embeddings.items() if value is not None}
        return {
            f'{group}_{name}': self.weights[group] * self.loss(value, pids, pids, valid)
            for group, valid in groups.items()
            for name, value in unit.items()
        }
