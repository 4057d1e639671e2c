"""CAL, a clothes-based adversarial loss.

Paper: Gu, Chang, Ma, Bai, Shan, Chen, "Clothes-Changing Person Re-identification with RGB Modality Only", CVPR 2022,
https://arxiv.org/abs/2204.06890. The start of both losses and the classifier's initial spread follow the authors' code.

A clothes classifier learns to tell outfits apart by the identity feature, and the network learns a feature that shows
who wears the outfit, but little about which of that person's outfits it is.

The authors' code takes two steps per batch: one for the classifier on frozen features, then one for the network with
the classifier frozen. Here one backward pass gives both gradients, as each loss detaches the other's part. The only
difference is that the network is guided by the classifier before its step instead of after it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.models import IFDOutput
from train.config import Config
from train.losses import IdentityLoss
from train.task import JointTask

SCALE = 16.0
"""Factor of the cosines before the softmax."""
EPSILON = 0.1
"""Share of the target spread over all outfits of the person."""
START = 25 / 60
"""Share of stage 2 after which both losses apply."""


class CosineClassifier(nn.Module):
    """Cosines of features to one learnt direction per class.

    Args:
        num_features: length D of a feature.
        num_classes: M.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, num_features).normal_(std=0.001))

    def forward(self, features: Tensor, frozen: bool = False) -> Tensor:
        """Map (N, D) to cosines (N, M), in float32 even under autocast.

        Args:
            frozen: keep gradients out of the directions.
        """
        weight = self.weight.detach() if frozen else self.weight
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(features.to(weight.dtype), dim=1) @ F.normalize(weight, dim=1).T


class ClothesAdversarialLoss(nn.Module):
    """L_CA: cross-entropy over all outfits of the person, each against the outfits of other people.

    Each of the person's K outfits has the target epsilon / K, and the worn one 1 - epsilon more. The denominator of an
    outfit's probability holds that outfit and those of other people.
    """

    def forward(self, logits: Tensor, outfits: Tensor, owned: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            logits: (N, M) cosines times the scale.
            outfits: (N,) in range(M), the worn outfit.
            owned: (N, M) bool, True for outfits of the same person; never all True.
        """
        others = logits.masked_fill(owned, -torch.inf).logsumexp(1, keepdim=True)
        # -log(e^s / (e^s + e^n)) = softplus(n - s), with n the log-sum-exp of the other people's.
        terms = F.softplus(others - logits)
        target = EPSILON * owned / owned.sum(1, keepdim=True) + (1 - EPSILON) * F.one_hot(outfits, logits.shape[1])
        return (target * terms).sum(1).mean()


class CALTask(JointTask):
    """Losses of the variant and, in the later part of stage 2, L_C and L_CA of this process' images."""

    def __init__(self, model: nn.Module, config: Config, dataset: ReIDDataset) -> None:
        super().__init__(model, config, dataset)
        pids, outfits = (torch.tensor([getattr(r, name) for r in dataset.train]) for name in ('pid', 'clothes_id'))
        names, indices = outfits.unique(return_inverse=True)
        owned = torch.zeros(dataset.num_pids, len(names), dtype=torch.bool)
        owned[pids, indices] = True
        self.register_buffer('names', names)
        self.register_buffer('owned', owned)  # (K, M): outfit of that person
        self.clothes_classifier = CosineClassifier(model.num_features, len(names))
        self.clothes, self.adversarial = IdentityLoss(0.0), ClothesAdversarialLoss()

    def losses(self, output: IFDOutput, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        losses = super().losses(output, batch, progress)
        return losses if progress < START else losses | self.clothes_losses(output.embedding, batch)

    def clothes_losses(self, embedding: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return L_C, whose gradient goes to the clothes classifier alone, and L_CA, whose goes to the embedding alone.

        The dict is empty for a batch without an outfit of the data set.
        """
        known, outfits = self.outfits(batch)
        if not known.any():
            return {}
        embedding = embedding[known]
        logits = SCALE * self.clothes_classifier(embedding.detach())
        fooled = SCALE * self.clothes_classifier(embedding, frozen=True)
        return {
            'clothes': self.clothes(logits, outfits),
            'adversarial': self.adversarial(fooled, outfits, self.owned[batch['pid'][known]]),
        }

    def outfits(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return which images show an outfit of the data set, (N,) bool, and their classes, in range(M).

        The outfits of photos are unknown, and recoloured garments make an outfit without a class.
        """
        classes = torch.searchsorted(self.names, batch['clothes_id']).clamp(max=len(self.names) - 1)
        known = (batch['pid'] >= 0) & (self.names[classes] == batch['clothes_id'])
        return known, classes[known]
