"""PCB: its stripes and losses against slow versions, its published sizes, its step of SGD."""

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F

from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.hub.export import export_onnx
from ifd_zoo.models.features import with_feature
from ifd_zoo.models.fingerprint import is_fresh
from ifd_zoo.models.inference import infer
from ifd_zoo.models.pcb import pool_stripes
from tests.training import arguments
from tests.trees import write_folder_tree
from train.build import build_data, build_model, build_stages
from train.flags import parse_args


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return timm.create_model('ifd_pcb_resnet10t', num_classes=5).eval()


@pytest.mark.parametrize('height', [24, 8, 4])
def test_a_stripe_is_the_mean_of_its_rows(height):
    maps = torch.randn(2, 3, height, 4)
    assert torch.allclose(pool_stripes(maps), F.adaptive_avg_pool2d(maps, (6, 1))[..., 0], atol=1e-6)
    if height == 24:
        assert torch.allclose(pool_stripes(maps)[1, 2, 5], maps[1, 2, 20:24].mean(), atol=1e-6)


def test_the_sizes_are_those_of_the_paper():
    with torch.device('meta'):
        model, trunk = timm.create_model('ifd_pcb_resnet50', num_classes=751), timm.create_model('resnet50')
    trunk.reset_classifier(0)
    assert model.num_features == 12288  # G
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in (('all', model), ('trunk', trunk))}
    assert counts['all'] - counts['trunk'] == 2048 * 256 + 2 * 256 + 6 * (256 + 1) * 751
    assert model.main_stream.backbone(torch.empty(1, 3, 384, 128, device='meta')).shape == (1, 2048, 24, 8)


def test_the_embedding_is_six_vectors_of_unit_length(model):
    image = torch.randn(3, 3, 96, 48)
    with torch.no_grad():
        output, maps = model(image), model.main_stream.backbone(image)
    assert maps.shape[-2:] == (6, 3)
    for i in range(3):
        for stripe in range(6):
            g = maps[i, :, stripe].mean(-1)
            part = slice(512 * stripe, 512 * (stripe + 1))
            assert torch.allclose(output.pooled[i, part], g, atol=1e-6)
            assert torch.allclose(output.embedding[i, part], g / g.norm(), atol=1e-6)
    assert torch.allclose(with_feature(model, 'pooled').neck_mean, torch.zeros(()))


def test_each_stripe_has_a_classifier_of_its_own_behind_one_reduction(model):
    head, maps = model.main_stream.head, torch.randn(2, 512, 6, 3)
    logits = head(maps).logits
    assert logits.shape == (2, 6, 5)
    neck, weight = head.neck, head.reduction.weight[..., 0]
    for stripe in range(6):
        h = (maps[:, :, stripe].mean(-1) @ weight.T - neck.running_mean) / (neck.running_var + neck.eps).sqrt()
        expected = head.classifier[stripe]((h * neck.weight + neck.bias).relu())
        assert torch.allclose(logits[:, stripe], expected, atol=1e-6)


def test_the_loss_is_the_sum_of_six_cross_entropies_and_the_backbone_has_a_tenth_of_the_rate(tmp_path):
    root = write_folder_tree(tmp_path / 'data')
    config, _ = parse_args([*arguments(root, tmp_path, '--recipe', 'pcb'), '--size', '64x32'])
    model = build_model(config, 6)
    stage = build_stages(model, config, build_data(config))[-1]
    batch = {'image': torch.randn(4, 3, 64, 32), 'pid': torch.tensor([0, 1, 2, 0])}
    losses = stage.task.train()(batch, 0.0)
    logits = model(batch['image']).main_logits
    expected = sum(-logits[i, part].log_softmax(0)[pid] for part in range(6) for i, pid in enumerate(batch['pid'])) / 4
    assert losses.keys() == {'id_main'} and torch.allclose(losses['id_main'], expected, atol=1e-5)
    assert isinstance(stage.optimizer, torch.optim.SGD) and config.lr == 0.1
    backbone = {id(parameter) for parameter in model.main_stream.backbone.parameters()}
    shares = {id(p): group['share'] for group in stage.optimizer.param_groups for p in group['params']}
    assert {key: 0.1 if key in backbone else 1.0 for key in shares} == shares


def test_fresh_weights_are_recognised():
    model = timm.create_model('ifd_pcb_resnet10t', num_classes=5)
    assert is_fresh(model)
    model(torch.randn(4, 3, 64, 32))
    assert not is_fresh(model)


def test_grad_cam_reads_the_stripes(model):
    image = torch.randn(2, 3, 96, 48)
    reference = infer(model, image, image).embedding
    found = gradcam(model, image, image, reference)
    assert np.allclose(found.similarity, 1, atol=1e-5) and found.heatmap.shape == (2, 96, 48)


def test_a_map_whose_height_is_no_multiple_of_six_is_exported(model, tmp_path):
    model.pretrained_cfg['input_size'] = (3, 64, 32)
    assert export_onnx(model, tmp_path / 'model.onnx') < 1e-4
