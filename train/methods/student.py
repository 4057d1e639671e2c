"""IFD's student, which learns to do without masks and without the attention stream.

It learns from a trained model, the teacher: from its identity scores, W_I, its embedding, and the similarities of the
images in a batch. The teacher sees the original images, the student possibly recoloured ones, so that it learns to
ignore the colours of clothes; both views of a photo have one target, the mean of the teacher's two embeddings. Labelled
people also enter the identity loss and the clothing contrastive loss, while photos are learnt from the teacher.

A release has no classifier, so the teacher's identity scores are cosines of its embedding to one direction per person,
learnt together with the student.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.models import IFDOutput
from train.config import Config
from train.gather import gather
from train.losses import IdentityLoss
from train.methods.cal import SCALE, CosineClassifier
from train.studies.rows import DISTILLATION_TERMS
from train.task import JointTask
from train.teachers import Teacher


class LogitDistillation(nn.Module):
    """T^2 KL(teacher | student) of the softened identity scores (Hinton, Vinyals, Dean, arXiv:1503.02531).

    Args:
        T: temperature.
    """

    def __init__(self, T: float = 4.0) -> None:
        super().__init__()
        self.T = T

    def forward(self, logits: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss, a scalar: the mean over images for two sets of scores (N, K)."""
        student, teacher = ((scores.float() / self.T).log_softmax(1) for scores in (logits, teacher))
        return self.T**2 * F.kl_div(student, teacher, reduction='batchmean', log_target=True)


class AttentionDistillation(nn.Module):
    """Mean squared difference of two attention maps, the teacher's resized to the student's."""

    def forward(self, attention: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss, a scalar, for W_I (N, 1, h, w) and (N, 1, h', w')."""
        return F.mse_loss(attention.float(), F.interpolate(teacher.float(), attention.shape[-2:], mode='area'))


class EmbeddingDistillation(nn.Module):
    """1 - cosine similarity, averaged over images."""

    def forward(self, embedding: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss, a scalar, for two (N, D)."""
        return (1 - F.cosine_similarity(embedding.float(), teacher.float(), dim=1)).mean()


class SimilarityDistillation(nn.Module):
    """Mean squared difference of the cosine similarities between the different images of a batch."""

    def forward(self, embedding: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss, a scalar, for (N, D) and (N, D'), with N at least 2."""
        with torch.autocast(embedding.device.type, enabled=False):
            units = [F.normalize(vectors.float(), dim=1) for vectors in (embedding, teacher)]
            student, teacher = (unit @ unit.T for unit in units)
        return (student - teacher).square().sum() / (len(student) * (len(student) - 1))  # the diagonal is 0


def average_views(embedding: Tensor, pids: Tensor) -> Tensor:
    """Return embeddings (N, D) of unit length, averaged over the views of a photo, which share a negative pid."""
    same = (pids[:, None] == pids[None, :]) & (pids[:, None] < 0)
    same |= torch.eye(len(pids), dtype=torch.bool, device=pids.device)
    return F.normalize(same.to(embedding.dtype) @ embedding, dim=1)


class StudentTask(JointTask):
    """Losses of the variant, and the losses against the teacher's answers.

    The student's embedding is the one after its neck. Where the teacher's has another length, a learnt linear map,
    which is not released, projects the student's to it.
    """

    def __init__(self, model: nn.Module, config: Config, dataset: ReIDDataset, teacher: Teacher) -> None:
        super().__init__(model, config, dataset)
        self.teacher = teacher  # not a module, so neither trained nor saved
        self.weights = {term: getattr(config, f'{term}_weight') for term in DISTILLATION_TERMS}
        self.terms = nn.ModuleDict({
            'logit': LogitDistillation(config.logit_T),
            'attention': AttentionDistillation(),
            'embedding': EmbeddingDistillation(),
            'similarity': SimilarityDistillation(),
        })
        size, own = self.teacher.num_features, model.num_features
        led = self.weights['embedding'] and size != own
        self.projection = nn.Linear(own, size, bias=False) if led else nn.Identity()
        knows = self.weights['logit'] and self.teacher.knows_people
        self.people = CosineClassifier(size, dataset.num_pids) if knows else None
        self.hard = IdentityLoss(0.0)

    def losses(self, output: IFDOutput, batch: dict[str, Tensor], progress: float) -> dict[str, Tensor]:
        return super().losses(output, batch, progress) | self.distillation_losses(output, batch)

    def distillation_losses(self, output: IFDOutput, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weighted losses against the teacher's answer to a batch, without those of weight 0."""
        answer = self.teacher(batch['original'], batch['masked'])
        embedding = average_views(answer.embedding, batch['pid'])
        pairs = {'embedding': (self.projection(output.embedding), embedding)}
        if self.weights['similarity']:
            pairs['similarity'] = (gather(output.embedding), gather(embedding))
        if answer.attention is not None:
            pairs['attention'] = (output.attention, answer.attention)
        losses = {}
        if self.people is not None:
            known = batch['pid'] >= 0
            scores = SCALE * self.people(embedding[known])
            losses['teacher_people'] = self.hard(scores, batch['pid'][known])
            pairs['logit'] = (output.main_logits[known], scores.detach())
        weights = {term: weight for term, weight in self.weights.items() if weight and term in pairs}
        return losses | {term: weight * self.terms[term](*pairs[term]) for term, weight in weights.items()}
