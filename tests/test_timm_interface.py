"""What users of timm expect of a network, for every kind of network and every backbone."""

import pytest
import timm
import torch
from timm.models import group_parameters
from timm.optim import param_groups_layer_decay
from torch import nn

from ifd_zoo.hub import create_model, load_model
from tests.test_models import FEW, make_batch, randomise_batch_norm


@pytest.fixture(scope='module', params=FEW)
def name(request):
    return request.param


@pytest.fixture(scope='module')
def model(name):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5).eval()
    randomise_batch_norm(model)
    return model


@torch.no_grad()
def test_features_and_head_are_the_two_halves_of_the_network(model):
    image, masked, _ = make_batch()
    output, maps = model(image, masked), model.forward_features(image, masked)
    assert maps.ndim == 4 and maps.shape[:2] == (4, model.main_stream.backbone.num_features)
    assert torch.equal(model.forward_head(maps), output.main_logits)
    assert torch.equal(model.forward_head(maps, pre_logits=True), output.embedding)
    if model.needs_mask:
        assert not torch.equal(model.forward_features(image), maps)


@torch.no_grad()
def test_feature_maps_are_those_of_the_stages_that_are_described(name, model):
    pyramid = timm.create_model(name, features_only=True).eval()
    pyramid.model.load_state_dict({key: value for key, value in model.state_dict().items() if 'classifier' not in key})
    image, masked, _ = make_batch()
    stages, info = pyramid(image, masked), pyramid.feature_info
    assert len(stages) == len(info.channels()) == len(model.feature_info) > 3
    assert [stage.shape[1] for stage in stages] == info.channels()
    cells = [tuple(-(-side // reduction) for side in image.shape[2:]) for reduction in info.reduction()]
    assert [tuple(stage.shape[2:]) for stage in stages] == cells
    assert torch.equal(stages[-1], model.forward_features(image, masked))
    assert all(model.get_submodule(stage['module']) is not None for stage in model.feature_info)
    assert [stage['num_chs'] for stage in model.feature_info] == info.channels()


@torch.no_grad()
def test_stages_are_chosen_as_with_timms_own_networks():
    image = torch.randn(1, 3, 64, 32)
    few = timm.create_model('ifd_resnet18', features_only=True, out_indices=(1, -1)).eval()
    one = timm.create_model('ifd_baseline_resnet18', features_only=True, out_indices=[2]).eval()
    timms = timm.create_model('resnet18', features_only=True, out_indices=(2,)).eval()
    timms.load_state_dict(one.model.main_stream.backbone.net.state_dict(), strict=False)
    assert [maps.shape[1] for maps in few(image)] == few.feature_info.channels() == [64, 512]
    assert torch.allclose(one(image)[0], timms(image)[0], atol=1e-6)


@torch.no_grad()
def test_trained_weights_give_feature_maps():
    image, masked, _ = make_batch((128, 64))
    for source in ('ifd_resnet10t.synthetic', 'ifd_resnet10t.outfits'):
        maps = create_model(source, features_only=True).eval()(image, masked)
        assert torch.equal(maps[-1], load_model(source).forward_features(image, masked))


def gradients(model, enable):
    model.set_grad_checkpointing(enable)
    blocks = [module for module in model.modules() if len([*module.children()]) > 2]
    calls = []
    handles = [block.register_forward_hook(lambda *_: calls.append(1)) for block in blocks]
    model(*make_batch()[:2]).embedding.square().mean().backward()
    model.set_grad_checkpointing(False)
    for handle in handles:
        handle.remove()
    found = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
    model.zero_grad(set_to_none=True)
    return found, len(calls)


def test_checkpointed_gradients_are_the_same_and_computed_twice(model):
    (plain, once), (saved, twice) = gradients(model, False), gradients(model, True)
    assert plain.keys() == saved.keys() and len(plain) > 10 and twice > once
    assert all(torch.allclose(plain[key], saved[key], rtol=1e-3, atol=1e-6) for key in plain)


@pytest.mark.parametrize('coarse', [False, True])
def test_parameters_are_grouped_by_depth_in_both_streams(model, coarse):
    backbone = model.main_stream.backbone
    groups = group_parameters(model, model.group_matcher(coarse=coarse))
    depth = {name: number for number, names in groups.items() for name in names}
    assert depth.keys() == dict(model.named_parameters()).keys()
    assert {number for name, number in depth.items() if '.backbone.' not in name} == {max(groups)}
    assert len(groups) > 4
    stem = next(key for key, module in backbone.net.named_modules() if isinstance(module, nn.Conv2d))
    for stream in ('main_stream', 'attention_stream')[: len(model.streams())]:
        own = {key.split('.', 3)[-1]: number for key, number in depth.items() if key.startswith(f'{stream}.backbone')}
        assert own[f'{stem}.weight'] == 0 == min(own.values())
        assert own == {key: depth[f'main_stream.backbone.net.{key}'] for key in own}


def test_groups_are_blocks_or_stages_beside_the_stem_and_what_is_behind():
    with torch.device('meta'):
        model = timm.create_model('ifd_resnet50', num_classes=5)
    assert len(group_parameters(model, model.group_matcher())) == 1 + 3 + 4 + 6 + 3 + 1
    assert len(group_parameters(model, model.group_matcher(coarse=True))) == 1 + 4 + 1


def test_layers_near_the_image_learn_more_slowly_when_asked():
    model = timm.create_model('ifd_resnet18', num_classes=5)
    scales = {
        id(value): group['lr_scale'] for group in param_groups_layer_decay(model, layer_decay=0.5)
        for value in group['params']
    }
    for stream in model.streams():
        net = stream.backbone.net
        found = [scales[id(value)] for value in (net.conv1.weight, net.layer1[0].conv1.weight, stream.head.neck.weight)]
        assert found == sorted(found) and found[0] < found[1] < found[2] == 1

