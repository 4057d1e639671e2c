"""CAL: clothes-based adversarial loss.

Paper: Gu, Chang, Ma, Bai, Shan, Chen, "Clothes-Changing Person Re-identification with RGB Modality Only", CVPR 2022,
https://arxiv.org/abs/2204.06890. Read off its authors' code are the start of both losses and the classifier's spread.

A clothes classifier learns to tell outfits from the identity feature, and the network learns to give it a feature that
shows which person wears the outfit but little of which of that person's outfits it is.

The authors' code takes two steps for each batch: of the classifier on features that are held fast, then of the network
with the classifier held fast. Here one backward pass gives the gradients of both, as each loss has the other's part
detached. The one difference is that the network is led by the classifier before its step and not after it.
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
"""What cosines are multiplied with before the softmax."""
EPSILON = 0.1
"""Share of the target that is spread over all outfits of the person."""
START = 25 / 60
"""Share of stage 2 after which both losses count."""


class CosineClassifier(nn.Module):
    """Cosines of features to a direction for each class.

    Args:
        num_features: D.
        num_classes: M.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, num_features).normal_(std=0.001))

    def forward(self, features: Tensor, frozen: bool = False) -> Tensor:
        """(N, D) to (N, M) in [-1, 1], in float32 even under autocast.

        Args:
            frozen: no gradient goes into the directions.
        """
        weight = self.weight.detach() if frozen else self.weight
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(features.to(weight.dtype), dim=1) @ F.normalize(weight, dim=1).T


class ClothesAdversarialLoss(nn.Module):
    """L_CA: cross-entropy against the other people's outfits, over all outfits of the person.

    An outfit of the person has the target epsilon / K, with K the number of that person's outfits, and the one that is
    worn 1 - epsilon more. The denominator of each holds itself and the outfits of other people.
    """

    def forward(self, logits: Tensor, outfits: Tensor, owned: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            logits: (N, M) cosines times the scale.
            outfits: (N,) in range(M), the one that is worn.
            owned: (N, M) bool, those of the same person; never all of them.
        """
        others = logits.masked_fill(owned, -torch.inf).logsumexp(1, keepdim=True)
        # -log(e^s / (e^s + e^n)) = softplus(n - s), with n the log-sum-exp of the other people's.
        terms = F.softplus(others - logits)
        target = EPSILON * owned / owned.sum(1, keepdim=True) + (1 - EPSILON) * F.one_hot(outfits, logits.shape[1])
        return (target * terms).sum(1).mean()


class CALTask(JointTask):
    """The losses of the variant, and from a part of stage 2 on L_C and L_CA of this process' images."""

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
        """L_C, whose gradient goes into the clothes classifier alone, and L_CA, whose goes into the embedding alone.

        There is none for a batch without an outfit of the data set.
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
        """Which images (N,) bool show an outfit of the data set, and the classes of these, in range(M).

        Of photos nobody knows the outfit, and a garment in another colour makes one that has no class.
        """
        classes = torch.searchsorted(self.names, batch['clothes_id']).clamp(max=len(self.names) - 1)
        known = (batch['pid'] >= 0) & (self.names[classes] == batch['clothes_id'])
        return known, classes[known]
