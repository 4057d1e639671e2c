"""Eqs. 4 and 5 and the other losses against slow double loops written from the formulas."""

import math
from statistics import fmean

import pytest
import torch
import torch.nn.functional as F

from train.losses import BatchHardTripletLoss, ClothingContrastiveLoss, IdentityLoss, OffPersonLoss, SupConLoss

CONTRASTIVE = (ClothingContrastiveLoss, SupConLoss)


def make_features(images=12, persons=4, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    features = F.normalize(torch.randn(images, 6, generator=generator, dtype=dtype), dim=1)
    pids = torch.arange(images) % persons
    clothes_ids = pids * 3 + torch.randint(0, 3, (images,), generator=generator)
    return features, pids, clothes_ids


def slow_ccl(features, pids, clothes_ids, tau, T, valid=None):
    """Eq. 4, term by term, in double precision."""
    N = len(pids)
    taking_part = [i for i in range(N) if valid is None or valid[i]]
    f = features.double()
    total, anchors = 0.0, 0
    for i in taking_part:
        P = [p for p in taking_part if p != i and pids[p] == pids[i]]
        negatives = [j for j in taking_part if pids[j] != pids[i]]
        if not P:
            continue
        anchors += 1
        inner = 0.0
        for p in P:
            w_p = 1 / T if clothes_ids[p] != clothes_ids[i] else 1.0
            positive = math.exp(float(f[i] @ f[p]) / tau)
            denominator = positive + sum(math.exp(float(f[i] @ f[j]) / tau) for j in negatives)
            inner += w_p * math.log(positive / denominator)
        total += inner / len(P)
    return -total / anchors if anchors else 0.0


def slow_supcon(features, pids, tau):
    """L_out of Khosla et al., term by term."""
    f, N = features.double(), len(pids)
    total, anchors = 0.0, 0
    for i in range(N):
        P = [p for p in range(N) if p != i and pids[p] == pids[i]]
        if not P:
            continue
        anchors += 1
        denominator = sum(math.exp(float(f[i] @ f[a]) / tau) for a in range(N) if a != i)
        total += sum(math.log(math.exp(float(f[i] @ f[p]) / tau) / denominator) for p in P) / len(P)
    return -total / anchors


@pytest.mark.parametrize('seed, tau, T', [(0, 0.1, 0.5), (1, 0.07, 1.0), (2, 1.0, 0.25), (3, 0.5, 3.0)])
def test_ccl_equals_eq_4_written_as_a_double_loop(seed, tau, T):
    batch = make_features(seed=seed)
    assert ClothingContrastiveLoss(tau)(*batch, T=T).item() == pytest.approx(slow_ccl(*batch, tau, T), rel=1e-5)


def test_ccl_leaves_out_images_without_clothing_and_anchors_without_a_positive():
    features, _, clothes_ids = make_features(images=8)
    pids = torch.tensor([0, 0, 0, 1, 1, 1, 2, 3])
    for left_out in ([], [0, 4], [0, 1]):
        valid = torch.tensor([i not in left_out for i in range(8)])
        expected = slow_ccl(features, pids, clothes_ids, 0.1, 0.5, valid)
        assert ClothingContrastiveLoss()(features, pids, clothes_ids, valid).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('T', [0.5, 3.0])
def test_ccl_of_unit_mean_is_divided_by_the_mean_weight(T):
    features, pids, clothes_ids = make_features()
    weights = []
    for i, pid in enumerate(pids):
        positives = [p for p in range(len(pids)) if p != i and pids[p] == pid]
        weights.append(fmean(1 / T if clothes_ids[p] != clothes_ids[i] else 1.0 for p in positives))
    expected = slow_ccl(features, pids, clothes_ids, 0.1, T) / fmean(weights)
    loss = ClothingContrastiveLoss(unit_mean=True)
    assert loss(features, pids, clothes_ids, T=T).item() == pytest.approx(expected, rel=1e-5)
    same_outfit = ClothingContrastiveLoss(unit_mean=True)(features, pids, pids, T=T)
    assert same_outfit.item() == pytest.approx(slow_ccl(features, pids, pids, 0.1, T), rel=1e-5)


@pytest.mark.parametrize('pids', [[0, 1, 2, 3], [0, 0, 0, 0]], ids=['no positive at all', 'no negative at all'])
@pytest.mark.parametrize('loss', [ClothingContrastiveLoss(), SupConLoss()], ids=['ccl', 'supcon'])
def test_degenerate_batches_give_finite_loss_and_gradient(loss, pids):
    features = F.normalize(torch.randn(4, 6), dim=1).requires_grad_()
    value = loss(features, torch.tensor(pids), torch.arange(4))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(features.grad).all()


@pytest.mark.parametrize('kind', CONTRASTIVE)
def test_contrastive_losses_are_finite_for_a_small_temperature(kind):
    features, pids, clothes_ids = make_features()
    features.requires_grad_()
    loss = kind(0.001)(features, pids, clothes_ids)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(features.grad).all()


@pytest.mark.parametrize('valid', [None, torch.arange(12) % 5 > 0], ids=['all', 'some without clothing'])
@pytest.mark.parametrize('kind', CONTRASTIVE)
def test_contrastive_losses_have_the_right_gradient(kind, valid):
    features, pids, clothes_ids = make_features(dtype=torch.float64)
    loss = kind(0.2)
    assert torch.autograd.gradcheck(lambda f: loss(f, pids, clothes_ids, valid), features.requires_grad_())


@pytest.mark.parametrize('kind', CONTRASTIVE)
def test_contrastive_losses_run_in_float32_under_autocast(kind):
    batch = make_features()
    expected = kind()(*batch)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(kind()(*batch), expected)
    assert kind()(batch[0].bfloat16(), *batch[1:]).dtype == torch.float32


def test_supcon_equals_l_out_written_as_a_double_loop():
    features, pids, _ = make_features()
    assert SupConLoss(0.2)(features, pids, pids).item() == pytest.approx(slow_supcon(features, pids, 0.2), rel=1e-5)


def test_identity_loss_smooths_the_target():
    logits, pids = torch.randn(5, 7), torch.randint(0, 7, (5,))
    target = torch.full((5, 7), 0.1 / 7)
    target[torch.arange(5), pids] += 0.9
    expected = -(target * logits.log_softmax(1)).sum(1).mean()
    assert torch.allclose(IdentityLoss(0.1)(logits, pids), expected, atol=1e-6)


@pytest.mark.parametrize('tau, T', [(0, 0.5), (-1, 0.5), (0.1, 0)])
def test_impossible_parameters_are_refused(tau, T):
    with pytest.raises(ValueError, match='positive'):
        ClothingContrastiveLoss(tau)(*make_features(), T=T)


def slow_triplet(features, pids, valid=None):
    """Softplus of the farthest positive less the nearest negative, anchor by anchor."""
    N = len(pids)
    taking_part = [i for i in range(N) if valid is None or valid[i]]
    terms = []
    for a in taking_part:
        positives = [math.dist(features[a], features[p]) for p in taking_part if p != a and pids[p] == pids[a]]
        negatives = [math.dist(features[a], features[n]) for n in taking_part if pids[n] != pids[a]]
        if positives and negatives:
            terms.append(math.log1p(math.exp(max(positives) - min(negatives))))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize('left_out', [(), (0, 4, 8), range(12)])
def test_triplet_loss_equals_its_definition_anchor_by_anchor(left_out):
    features, pids, _ = make_features(dtype=torch.float64)
    valid = torch.tensor([i not in left_out for i in range(12)])
    expected = slow_triplet((3 * features).tolist(), pids, valid)
    assert float(BatchHardTripletLoss()(3 * features, pids, valid)) == pytest.approx(expected, abs=1e-9)


def test_triplet_loss_of_equal_features_has_a_finite_gradient_and_without_a_pair_it_is_zero():
    features = torch.ones(4, 3, requires_grad=True)
    BatchHardTripletLoss()(features, torch.tensor([0, 0, 1, 1])).backward()
    assert features.grad.isfinite().all()
    assert BatchHardTripletLoss()(torch.randn(3, 4), torch.tensor([0, 1, 2])) == 0


def test_off_person_loss_is_the_share_of_attention_beside_the_person():
    generator = torch.Generator().manual_seed(0)
    attention = torch.rand(3, 1, 4, 2, generator=generator, requires_grad=True)
    person = (torch.rand(3, 1, 16, 8, generator=generator) < 0.5).float()
    person[2] = 0
    shares = []
    for weights, mask in zip(attention[:2, 0], person[:2, 0], strict=True):
        cells = [(row, column) for row in range(4) for column in range(2)]
        on = [float(mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].mean()) for row, column in cells]
        total = sum(float(weights[cell]) for cell in cells)
        shares.append(1 - sum(float(weights[cell]) * part for cell, part in zip(cells, on, strict=True)) / total)
    loss = OffPersonLoss()(attention, person)
    assert loss.item() == pytest.approx(fmean(shares), rel=1e-6)
    loss.backward()
    assert attention.grad[:2].abs().sum() > 0 and attention.grad[2].abs().sum() == 0
    assert OffPersonLoss()(attention, torch.zeros_like(person)) == 0
