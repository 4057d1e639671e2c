"""CAL: its losses against slow formulas, and one step against the two steps of its authors."""

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
from train.methods.cal import EPSILON, SCALE, START, CALTask, ClothesAdversarialLoss, CosineClassifier


def slow_adversarial(logits, outfits, owned):
    """L_CA of the paper, term by term."""
    total = 0.0
    for scores, outfit, own in zip(logits.tolist(), outfits.tolist(), owned.tolist(), strict=True):
        others = sum(math.exp(score) for score, is_own in zip(scores, own, strict=True) if not is_own)
        for c, score in enumerate(scores):
            if own[c]:
                q = EPSILON / sum(own) + (1 - EPSILON if c == outfit else 0)
                total -= q * math.log(math.exp(score) / (math.exp(score) + others))
    return total / len(outfits)


@pytest.mark.parametrize('seed', range(3))
def test_the_adversarial_loss_equals_its_definition_outfit_by_outfit(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = SCALE * (2 * torch.rand(5, 7, generator=generator, dtype=torch.float64) - 1)
    owners = torch.tensor([0, 0, 1, 1, 1, 2, 3])  # two persons have one outfit: plain cross-entropy
    outfits = torch.randint(0, 7, (5,), generator=generator)
    owned = owners == owners[outfits][:, None]
    expected = slow_adversarial(logits, outfits, owned)
    assert float(ClothesAdversarialLoss()(logits, outfits, owned)) == pytest.approx(expected, abs=1e-6)


def test_the_clothes_classifier_gives_cosines_in_float32():
    features, classifier = torch.randn(3, 8), CosineClassifier(8, 5)
    with torch.autocast('cpu', torch.bfloat16):
        cosines = classifier(features.bfloat16().float())
    expected = F.cosine_similarity(features.bfloat16().float()[:, None], classifier.weight[None], dim=-1)
    assert cosines.dtype == torch.float32 and torch.allclose(cosines, expected, atol=1e-6)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), train=4, views=2)


@pytest.fixture
def task(root, tmp_path):
    torch.manual_seed(0)
    config, _ = parse_args(arguments(root, tmp_path, '--variant', 'cal'))
    model = timm.create_model('ifd_cal_resnet10t', num_classes=4)
    nn.init.normal_(model.main_stream.head.classifier.weight, std=0.1)  # a fresh one gives next to no gradient
    return CALTask(model, config, load_dataset('folder', root))


def make_batch(task, pids):
    outfits = [int(task.names[task.owned[pid]][i % 2]) for i, pid in enumerate(pids)]
    images = torch.randn(len(pids), 3, 64, 32, generator=torch.Generator().manual_seed(1))
    return {'image': images, 'pid': torch.tensor(pids), 'clothes_id': torch.tensor(outfits)}


@pytest.mark.parametrize('method', ['cal', 'aim'])
def test_the_released_network_is_a_resnet_50_and_a_neck_of_4096(method):
    with torch.device('meta'):
        model, trunk = timm.create_model(f'ifd_{method}_resnet50'), timm.create_model('resnet50', num_classes=0)
    assert model.num_features == 4096
    parameters = [sum(value.numel() for value in network.parameters()) for network in (model, trunk)]
    assert parameters[0] == parameters[1] + 2 * 4096


def test_outfits_are_classes_and_belong_to_their_person(task):
    assert task.owned.sum(1).tolist() == [2] * 4 and task.owned.sum(0).tolist() == [1] * 8
    assert task.clothes_classifier.weight.shape == (8, 1024)


def test_both_losses_begin_at_epoch_25_of_60(task):
    batch = make_batch(task, [0, 1, 2, 3])
    assert set(task(batch, 24.99 / 60)) == {'id_main'} and START == 25 / 60
    assert set(task(batch, 25 / 60)) == {'id_main', 'clothes', 'adversarial'}


# A photo, and outfits that recolouring has made.
@pytest.mark.parametrize('field, value', [('pid', -1), ('clothes_id', -5), ('clothes_id', 10**9)])
def test_an_outfit_without_a_class_has_no_part_in_them(task, field, value):
    batch, embedding = make_batch(task, [0, 1, 2, 3]), torch.randn(4, 1024)
    batch[field][2] = value
    rest = {name: torch.cat([values[:2], values[3:]]) for name, values in batch.items()}
    losses = task.clothes_losses(embedding, batch)
    assert losses.keys() == {'clothes', 'adversarial'}
    assert losses == task.clothes_losses(torch.cat([embedding[:2], embedding[3:]]), rest)
    batch[field][:] = value
    assert task.clothes_losses(embedding, batch) == {}
    assert task(batch, 1 - 1e-6).keys() - {'photos_main'} == {'id_main'}


def test_one_backward_pass_and_step_are_the_two_of_the_authors(task):
    batch = make_batch(task, [0, 0, 1, 1, 2, 2, 3, 3])
    network = [*task.model.parameters()]
    start = {name: value.clone() for name, value in task.state_dict().items()}

    optimizer = torch.optim.Adam(task.parameters(), 1e-3)
    sum(task(batch, START).values()).backward()
    ours = {name: parameter.grad.clone() for name, parameter in task.named_parameters()}
    optimizer.step()
    after = {name: value.clone() for name, value in task.named_parameters()}

    # Two optimisers and two backward passes, from the same weights.
    task.load_state_dict(start)
    task.zero_grad()
    first = torch.optim.Adam(task.clothes_classifier.parameters(), 1e-3)
    second = torch.optim.Adam(network, 1e-3)
    output, (_, outfits) = task.model(batch['image']), task.outfits(batch)
    F.cross_entropy(SCALE * task.clothes_classifier(output.embedding.detach()), outfits).backward()
    theirs = {'clothes_classifier.weight': task.clothes_classifier.weight.grad.clone()}
    loss = F.cross_entropy(output.main_logits, batch['pid'], label_smoothing=0.1)
    logits = SCALE * task.clothes_classifier(output.embedding)
    (loss + ClothesAdversarialLoss()(logits, outfits, task.owned[batch['pid']])).backward()
    theirs |= {f'model.{name}': parameter.grad for name, parameter in task.model.named_parameters()}
    assert theirs.keys() == ours.keys() and max(float(value.abs().max()) for value in ours.values()) > 0.01
    for name, expected in theirs.items():
        assert torch.allclose(ours[name], expected, atol=1e-6), name
    task.clothes_classifier.weight.grad = theirs['clothes_classifier.weight']
    second.step()
    first.step()
    assert all(torch.allclose(after[name], value, atol=1e-5) for name, value in task.named_parameters())
