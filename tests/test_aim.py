"""AIM: its parts and losses against slow versions, and which loss moves what."""

import math

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from ifd_zoo.datasets import load_dataset
from tests.training import arguments
from tests.trees import write_folder_tree
from train.flags import parse_args
from train.methods.aim import AIMTask, AttentionFusion, StripePyramid, max_pool_stripes, symmetric_divergence
from train.methods.cal import START


def randomise(module):
    """Make the statistics and weights of batch norms those of a trained network."""
    for child in module.modules():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for values in (child.weight.data, child.bias.data, child.running_mean, child.running_var):
                values.uniform_(0.5, 1.5)
    return module.eval()


def normed(values, norm):
    return (values - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias


def test_stripes_are_those_of_one_two_four_and_eight():
    maps = torch.randn(2, 5, 24, 3)
    rows = [slice(i * 24 // stripes, (i + 1) * 24 // stripes) for stripes in (1, 2, 4, 8) for i in range(stripes)]
    expected = torch.stack([maps[:, :, part].amax((-2, -1)) for part in rows], dim=1)
    assert torch.equal(max_pool_stripes(maps), expected) and max_pool_stripes(maps[:, :, :4]).shape == (2, 15, 5)


def test_each_stripe_has_a_reduction_of_its_own():
    torch.manual_seed(0)
    head, maps = randomise(StripePyramid(5, 7)), torch.randn(2, 5, 8, 3)
    weight, stripes = head.reduction.weight[..., 0].view(15, 256, 5), max_pool_stripes(maps)
    reduced = torch.stack([stripes[:, i] @ weight[i].T for i in range(15)], dim=1).flatten(1)
    expected = normed(normed(reduced, head.norm).relu() @ head.linear.weight.T, head.neck)
    assert torch.allclose(head(maps), expected, atol=1e-5)


def test_the_fusion_is_bilinear_pooling_with_signed_roots_and_unit_length():
    torch.manual_seed(0)
    fusion, maps, attended = randomise(AttentionFusion(3, 7)), torch.randn(2, 3, 4, 2), torch.randn(2, 3, 4, 2)
    nn.init.normal_(fusion.linear.weight)
    for b in range(2):
        values = []
        for m in range(8):
            scores = sum(fusion.attention.weight[m, c, 0, 0] * attended[b, c] for c in range(3))
            norm = fusion.norm
            scores = (scores - norm.running_mean[m]) / (norm.running_var[m] + norm.eps).sqrt() * norm.weight[m]
            attention = (scores + norm.bias[m]).clamp(min=0)
            for c in range(3):
                mean = sum((attention[y, x] * maps[b, c, y, x]).item() for y in range(4) for x in range(2)) / 8
                values.append(math.copysign(math.sqrt(abs(mean)), mean))
        length = math.sqrt(sum(value**2 for value in values))
        expected = torch.tensor([value / length for value in values])
        assert torch.allclose(fusion.pool(maps, attended)[b], expected, atol=1e-6)
        expected = normed(fusion.linear.weight @ expected, fusion.neck)
        assert torch.allclose(fusion(maps, attended)[b], expected, atol=1e-5)


def test_a_map_of_zeros_has_a_finite_gradient():
    fusion, maps = AttentionFusion(3, 7), torch.zeros(2, 3, 4, 2, requires_grad=True)
    fusion(maps, torch.randn(2, 3, 4, 2)).sum().backward()
    assert maps.grad.isfinite().all()


def test_the_divergence_is_that_of_both_directions():
    first, second = torch.randn(2, 4, 6, dtype=torch.float64)
    expected = 0.0
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        p, q = ([math.exp(x) / sum(map(math.exp, scores)) for x in scores] for scores in (a, b))
        expected += sum(x * math.log(x / y) + y * math.log(y / x) for x, y in zip(p, q, strict=True))
    assert float(symmetric_divergence(first, second)) == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope='module')
def task(tmp_path_factory):
    torch.manual_seed(0)
    root = write_folder_tree(tmp_path_factory.mktemp('data'), train=4, views=2)
    config, _ = parse_args(arguments(root, root, '--variant', 'aim'))
    model = timm.create_model('ifd_aim_resnet10t', num_classes=4)
    nn.init.normal_(model.main_stream.head.classifier.weight, std=0.1)  # a fresh one gives next to no gradient
    return AIMTask(model, config, load_dataset('folder', root))


@pytest.fixture(scope='module')
def batch(task):
    pids = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    outfits = torch.stack([task.names[task.owned[pid]][i % 2] for i, pid in enumerate(pids)])
    return {'image': torch.randn(8, 3, 64, 32), 'pid': pids, 'clothes_id': outfits}


def test_what_trains_and_what_is_released(task):
    assert task.model.num_features == 2 * 512 and task.clothes_classifier.weight.shape == (8, 1024)
    start = task.model.main_stream.backbone.state_dict()
    for name, value in task.clothes_stream['backbone'].state_dict().items():
        assert torch.equal(value, start[name]) and value.data_ptr() != start[name].data_ptr()
    assert {name.split('.')[0] for name in task.model.state_dict()} == {'main_stream'}


def moved(task, loss):
    """Parts of the task that a loss has a gradient in."""
    task.zero_grad()
    loss.backward(retain_graph=True)
    parts = {'network': task.model.main_stream.backbone, 'classifier': task.model.main_stream.head.classifier}
    parts |= {'clothes': task.clothes_classifier, 'stream': task.clothes_stream, 'fusion': task.fusion}
    return {
        name
        for name, part in parts.items()
        if any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())
    }


def test_each_loss_moves_its_own_part(task, batch):
    task.train()
    losses = task(batch, START)
    assert {name: moved(task, loss) for name, loss in losses.items()} == {
        'id_main': {'network', 'classifier'},
        'clothes': {'clothes'},
        'adversarial': {'network'},
        'clothes_stream': {'stream'},
        'transfer': {'stream'},
        'id_left': {'network', 'classifier', 'fusion'},
    }
    assert task(batch, 24.99 / 60).keys() == {'id_main', 'clothes_stream'}


def test_the_losses_are_those_of_their_equations(task, batch):
    task.eval()
    losses = task(batch, START)
    with torch.no_grad():
        stream, aside = task.model.main_stream, task.clothes_stream
        maps, clothes_maps = stream.backbone(batch['image']), aside['backbone'](batch['image'])
        f, c = stream.head(maps).embedding, aside['head'](clothes_maps)
        cosines = F.cosine_similarity(c[:, None], aside['classifier'].weight, dim=-1)
        outfits = torch.tensor([task.names.tolist().index(outfit) for outfit in batch['clothes_id'].tolist()])
        scores = F.cosine_similarity(f[:, None], task.clothes_classifier.weight, dim=-1)
        left = (f - task.fusion(maps, clothes_maps)) @ stream.head.classifier.weight.T
        expected = {
            'id_main': F.cross_entropy(f @ stream.head.classifier.weight.T, batch['pid'], label_smoothing=0.1),
            'id_left': F.cross_entropy(left, batch['pid'], label_smoothing=0.1),
            'clothes_stream': F.cross_entropy(16 * cosines, outfits),
            'transfer': symmetric_divergence(scores, cosines),
        }
    for name, value in expected.items():
        assert torch.allclose(losses[name], value, atol=1e-6), name
