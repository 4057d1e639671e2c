"""Losses of the paper and beyond: small modules from tensors to a scalar, in float32 even under autocast."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _pairs(pids: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return positives (same pid, another image) and negatives (another pid) among valid images, both (N, N) bool."""
    valid = torch.ones_like(pids, dtype=torch.bool) if valid is None else valid.bool()
    both = valid[:, None] & valid[None, :]
    same = pids[:, None] == pids[None, :]
    itself = torch.eye(len(pids), dtype=torch.bool, device=pids.device)
    return same & ~itself & both, ~same & both


def _mean_over_anchors(terms: Tensor, positives: Tensor) -> Tensor:
    """Average over the positives of each anchor, then over the anchors that have any; 0 if none has."""
    count = positives.sum(1)
    anchors = count > 0
    per_anchor = terms.masked_fill(~positives, 0).sum(1) / count.clamp(min=1)
    return per_anchor.sum() / anchors.sum().clamp(min=1)


def _log_sum_exp(similarity: Tensor, keep: Tensor) -> Tensor:
    # A finite floor instead of -inf gives a row that keeps nothing a zero gradient instead of NaN.
    return similarity.masked_fill(~keep, torch.finfo(similarity.dtype).min / 2).logsumexp(1, keepdim=True)


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise ValueError(f'{name} must be positive, got {value}')
    return value


class ClothingContrastiveLoss(nn.Module):
    """Clothing contrastive loss, eqs. 4 and 5.

    The denominator holds one positive and all negatives, unlike SupCon's sum over everything. P_i excludes i. Anchors
    without a positive, and images without clothing, are left out of the mean.

    Args:
        tau: temperature.
        unit_mean: divide by the mean of w_p over the batch, so that w_p does not increase the weight of the loss.

    Raises:
        ValueError: tau is not positive.
    """

    def __init__(self, tau: float = 0.1, unit_mean: bool = False) -> None:
        super().__init__()
        self.tau = _positive(tau, 'tau')
        self.unit_mean = unit_mean

    def forward(
        self, features: Tensor, pids: Tensor, clothes_ids: Tensor, valid: Tensor | None = None, T: float = 0.5
    ) -> Tensor:
        """Return the loss, a float32 scalar (float64 for float64 features).

        Args:
            features: f_c (N, C), unit length.
            pids, clothes_ids: (N,) integers.
            valid: (N,) bool, True for images that show clothing; default: all.
            T: positive; pairs of a person in different outfits weigh 1 / T. The paper ("focus more on pairs with the
                same ID label but different clothing labels") asks for T < 1; the default is ours. As T is "a variable
                parameter", it is an argument of the call and can follow a schedule.

        Raises:
            ValueError: T is not positive.
        """
        if features.dtype != torch.float64:
            features = features.float()
        with torch.autocast(features.device.type, enabled=False):
            similarity = features @ features.T / self.tau
        positives, negatives = _pairs(pids, valid)
        # -log(e^s / (e^s + e^n)) = softplus(n - s), with n the log-sum-exp of the negatives.
        terms = F.softplus(_log_sum_exp(similarity, negatives) - similarity)
        weights = torch.where(clothes_ids[:, None] != clothes_ids[None, :], 1 / _positive(T, 'T'), 1.0)  # w_p, eq. 5
        loss = _mean_over_anchors(terms * weights, positives)
        if self.unit_mean and positives.any():
            loss = loss / _mean_over_anchors(weights, positives)
        return loss


class SupConLoss(nn.Module):
    """Supervised contrastive loss, L_out of Khosla et al. 2020 (eq. 2 there): the "CL" of Table II.

    Args:
        tau: temperature.
    """

    def __init__(self, tau: float = 0.1) -> None:
        super().__init__()
        self.tau = _positive(tau, 'tau')

    def forward(
        self, features: Tensor, pids: Tensor, clothes_ids: Tensor, valid: Tensor | None = None, T: float = 0.5
    ) -> Tensor:
        """Return the loss, a scalar; arguments as for `ClothingContrastiveLoss`, but clothes_ids and T are ignored."""
        if features.dtype != torch.float64:
            features = features.float()
        with torch.autocast(features.device.type, enabled=False):
            similarity = features @ features.T / self.tau
        positives, negatives = _pairs(pids, valid)
        terms = _log_sum_exp(similarity, positives | negatives) - similarity
        return _mean_over_anchors(terms, positives)


class BatchHardTripletLoss(nn.Module):
    """Triplet loss with the hardest positive and negative of each anchor and a soft margin.

    Reference: Hermans, Beyer, Leibe, "In defense of the triplet loss for person re-identification", arXiv:1703.07737,
    eq. 5 with softplus in place of the hinge. Distances are Euclidean. Anchors without a positive, or without a
    negative, are left out of the mean.
    """

    def forward(self, features: Tensor, pids: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar (float32, or float64 for float64 features).

        Args:
            features: (N, D), not normalised.
            pids: (N,) integers.
            valid: (N,) bool, True for images that take part; default: all.
        """
        if features.dtype != torch.float64:
            features = features.float()
        positives, negatives = _pairs(pids, valid)
        # Not from the matrix of products, whose gradient at a distance of 0 would be NaN: differences are exact there.
        distance = (features[:, None] - features[None, :]).square().sum(-1).clamp(min=1e-12).sqrt()
        far = distance.masked_fill(~positives, 0).amax(1)
        near = distance.masked_fill(~negatives, torch.inf).amin(1)
        anchors = positives.any(1) & negatives.any(1)
        return F.softplus(far[anchors] - near[anchors]).sum() / anchors.sum().clamp(min=1)


class IdentityLoss(nn.Module):
    """Cross-entropy over training identities with label smoothing (L_ID).

    Args:
        smoothing: share of the target spread evenly over all identities, in [0, 1).
    """

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits: Tensor, pids: Tensor) -> Tensor:
        """Return the loss, a scalar: pids (N,) in range(K), logits (N, K); or (N, S, K), summed over S classifiers."""
        if logits.ndim == 3:
            return sum(self(part, pids) for part in logits.unbind(1))
        return F.cross_entropy(logits.float(), pids, label_smoothing=self.smoothing)


class OffPersonLoss(nn.Module):
    """Share of the attention outside the person; not part of the paper."""

    def forward(self, attention: Tensor, person: Tensor) -> Tensor:
        """Return the loss, a float32 scalar in [0, 1]: the mean over images that show a person, 0 without any.

        Args:
            attention: W_I (N, 1, h, w).
            person: (N, 1, H, W), 0 or 1.
        """
        shown = person.flatten(1).any(1)
        share = F.interpolate(person.float(), attention.shape[-2:], mode='area').flatten(1)
        attention = attention.float().flatten(1)
        off = 1 - (attention * share).sum(1) / attention.sum(1).clamp(min=1e-6)
        return (off * shown).sum() / shown.sum().clamp(min=1)
