"""The zoo's architectures: registration, shapes, gradients, last stride, save and load."""

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from ifd_zoo.common.variants import VARIANTS, split_name
from ifd_zoo.hub import list_models, load_model, save_release
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.models.ifd import ClothingBiasDiminishing, IdentityKnowledgeTransfer
from ifd_zoo.models.zoo import BACKBONES, arguments, network_class

MODELS = list_models()
# Methods that differ from the baseline in their training alone have its network.
NETWORKS = {(network_class(name), split_name(name)[1]): name for name in MODELS}.values()
# Each kind of network, and each backbone in the one with two streams.
FEW = [name for name in NETWORKS if split_name(name)[0] == 'ifd' or 'resnet10t' in name]
SIZE = (64, 32)


def make_batch(size=SIZE, images=4):
    torch.manual_seed(0)
    clothing = torch.zeros(images, 1, *size)
    clothing[:, :, size[0] // 4 : size[0] // 2] = 1
    image = torch.randn(images, 3, *size)
    return image, image * (1 - clothing), clothing


def make_model(name, **options):
    """With the options that the architecture has."""
    return timm.create_model(name, **{key: value for key, value in options.items() if key in arguments(name)})


def randomise_batch_norm(module):
    """timm starts the last norm of each block at zero, which would hide what the block does."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            nn.init.uniform_(child.weight, 0.5, 1.5)
            nn.init.uniform_(child.bias, -0.5, 0.5)
            nn.init.uniform_(child.running_mean, -0.2, 0.2)
            nn.init.uniform_(child.running_var, 0.5, 1.5)


def test_the_zoo_has_both_families_over_the_same_backbones():
    assert {'resnet10t', 'resnet18', 'resnet50', 'mobilenetv4_conv_small', 'convnext_tiny'} < BACKBONES.keys()
    for family in ('ifd', 'baseline', 'student'):
        assert {backbone for owner, backbone in map(split_name, MODELS) if owner == family} == set(BACKBONES)


def test_the_methods_of_other_papers_are_over_the_smallest_backbone_and_that_of_the_papers():
    methods = {name for name, variant in VARIANTS.items() if variant.family and variant.reference}
    assert {pair for pair in map(split_name, MODELS) if pair[0] in methods} == {
        (method, backbone) for method in methods for backbone in ('resnet10t', 'resnet50')
    }


@pytest.fixture(scope='module', params=NETWORKS)
def model(request):
    """Each network, with all that training needs."""
    return make_model(request.param, num_classes=5, cbd=True)


def test_outputs_have_the_promised_shapes(model):
    with torch.no_grad():
        output = model.eval()(*make_batch())
    stride = 14 if 'patch14' in model.main_stream.backbone.name else 16
    height, width = -(-SIZE[0] // stride), -(-SIZE[1] // stride)
    assert output.embedding.shape == (4, model.num_features)
    assert output.pooled.shape == (4, model.num_features)
    assert (output.main_logits.shape[0], output.main_logits.shape[-1]) == (4, 5)
    if 'cbd' in arguments(model.pretrained_cfg['architecture']):
        assert output.clothing_features.shape == (4, model.main_stream.backbone.num_features)
        assert torch.allclose(output.clothing_features.norm(dim=1), torch.ones(4))
    assert (output.attention_logits is None) is (len(model.streams()) == 1)
    if model.gives_attention:
        assert output.attention.shape == (4, 1, height, width)
        assert 0 <= output.attention.min() and output.attention.max() <= 1
    else:
        assert output.attention is None


def test_every_parameter_gets_a_finite_gradient(model):
    output = model.train()(*make_batch())
    loss = output.main_logits.square().mean()
    if output.clothing_features is not None:
        loss = loss + output.clothing_features[:, 0].mean()
    if output.attention_logits is not None:
        loss = loss + output.attention_logits.square().mean()
    loss.backward()
    assert not [key for key, parameter in model.named_parameters() if parameter.grad is None]
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


# Convolutional networks are saved alike.
@pytest.mark.parametrize('name', [name for name in MODELS if 'resnet10t' in name] + ['ifd_vit_small_patch14_dinov2'])
def test_a_saved_release_loads_bit_equal(name, tmp_path):
    model = make_model(name, num_classes=5, pool='max_avg').eval()
    randomise_batch_norm(model)
    model.load_state_dict({key: _halved(value) for key, value in model.state_dict().items()})
    save_release(model, tmp_path, 'test', {'input_size': [3, *SIZE], 'seed': 3})
    loaded = load_model(tmp_path)
    image, masked, _ = make_batch()
    assert torch.equal(loaded(image, masked).embedding, model(image, masked).embedding)
    assert loaded.get_classifier().__class__ is nn.Identity
    assert loaded.release_info['seed'] == 3 and tuple(loaded.pretrained_cfg['input_size']) == (3, *SIZE)
    assert loaded.pretrained_cfg['tag'] == 'test'


@pytest.mark.parametrize('name', NETWORKS)
def test_classifier_channels_and_odd_sizes_can_be_chosen(name):
    model = timm.create_model(name, num_classes=5, in_chans=1)
    image = torch.randn(2, 1, 53, 41)
    assert model(image).main_logits.shape[-1] == 5
    model.reset_classifier(0)
    output = model(image)
    assert output.main_logits is None and output.embedding.shape == (2, model.num_features) and model.num_classes == 0
    assert not [key for key in model.state_dict() if 'classifier' in key]
    first = [f'{conv}.weight' for conv in model.pretrained_cfg['first_conv']]
    convolutions = [key for key, value in model.state_dict().items() if value.ndim == 4]
    assert {*first} <= {*convolutions}, f'first_conv in BACKBONES is none of {", ".join(convolutions[:3])} ...'
    assert {model.state_dict()[key].shape[1] for key in first} == {1}


def _halved(value):
    return value.half().float() if value.is_floating_point() else value


def test_the_last_stride_is_bit_equal_to_the_reid_trick():
    ours = Backbone('resnet50').eval()
    randomise_batch_norm(ours)
    reference = timm.create_model('resnet50', features_only=True, out_indices=(-1,)).eval()
    reference.layer4[0].conv2.stride = (1, 1)
    reference.layer4[0].downsample[0].stride = (1, 1)
    reference.load_state_dict(ours.net.state_dict())
    image = torch.randn(2, 3, 96, 48)
    with torch.no_grad():
        assert torch.equal(ours(image), reference(image)[-1])


@pytest.mark.parametrize('name', ['resnet18', 'mobilenetv4_conv_small', 'efficientnet_b0', 'convnext_atto'])
def test_no_backbone_keeps_a_dilation(name):
    backbone = Backbone(name)
    assert all(m.dilation == (1, 1) for m in backbone.modules() if isinstance(m, nn.Conv2d))
    assert backbone(torch.randn(1, 3, 64, 32)).shape == (1, backbone.num_features, 4, 2)


@pytest.mark.parametrize('name', ['starnet_s1', 'edgenext_xx_small', 'ghostnet_050'])
def test_a_backbone_that_keeps_its_last_stride_is_refused_with_a_hint(name):
    with pytest.raises(ValueError, match=f'{name}.*last_stride=2'):
        Backbone(name)
    assert Backbone(name, last_stride=2)(torch.randn(1, 3, 64, 32)).shape[2:] == (2, 1)


def test_a_transformer_gives_its_normed_patch_tokens_as_a_map():
    backbone = Backbone('vit_tiny_patch16_224').eval()
    image = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        maps = backbone(image)
        net = timm.create_model('vit_tiny_patch16_224', num_classes=0, dynamic_img_size=True).eval()
        net.load_state_dict(backbone.net.model.state_dict())
        tokens = net.forward_features(image)[:, 1:]
    assert torch.allclose(maps, tokens.transpose(1, 2).reshape(2, 192, 4, 2), atol=1e-6)


def test_a_transformer_fitted_to_one_size_computes_the_same():
    backbone = Backbone('vit_tiny_patch16_224').eval()
    image = torch.randn(2, 3, 70, 33)
    with torch.no_grad():
        expected = backbone(image)
        backbone.fix_size((70, 33))
        assert backbone.net.model.pos_embed.shape[1] == 1 + 5 * 3
        assert torch.allclose(backbone(image), expected, atol=1e-6)


@pytest.mark.parametrize('name', ['resnet5000', 'swin_tiny_patch4_window7_224'])
def test_an_unusable_backbone_is_named(name):
    with pytest.raises(ValueError, match=name):
        Backbone(name)


def test_the_streams_share_no_weights():
    model = timm.create_model('ifd_resnet10t')
    main, attention = (set(map(id, stream.parameters())) for stream in model.streams())
    assert not main & attention


def test_ikt_is_eq_1():
    module = IdentityKnowledgeTransfer()
    maps = torch.randn(2, 5, 4, 3)
    weight = module.conv.weight[0]
    padded = F.pad(torch.stack([maps.max(1).values, maps.mean(1)], 1), (3, 3, 3, 3))
    for b, y, x in [(0, 0, 0), (0, 2, 1), (1, 3, 2)]:
        logit = (padded[b, :, y : y + 7, x : x + 7] * weight).sum()
        assert torch.allclose(module(maps)[b, 0, y, x], torch.sigmoid(logit), atol=1e-6)


def test_cbd_weighs_each_cell_by_its_share_of_clothing():
    module = ClothingBiasDiminishing(3).eval()
    maps, clothing = torch.ones(1, 3, 2, 1), torch.zeros(1, 1, 8, 4)
    clothing[:, :, :2] = 1  # half of the first cell
    maps[:, :, 1] = 7
    norm = module.norm
    norm.weight.data = torch.tensor([1.0, 2.0, 3.0])
    norm.bias.data = torch.tensor([0.1, 0.0, 0.0])
    expected = F.normalize(torch.tensor([[0.25 + 0.1, 0.5, 0.75]]), dim=1)
    assert torch.allclose(module(maps, clothing), expected, atol=1e-4)


def test_without_a_mask_the_attention_stream_sees_the_whole_image():
    model = timm.create_model('ifd_resnet10t').eval()
    image, *_ = make_batch()
    assert torch.equal(model(image).embedding, model(image, image).embedding)


def test_detached_attention_keeps_the_identity_gradient_out_of_the_attention_stream():
    model = timm.create_model('ifd_resnet10t', num_classes=5, detach_attention=True)
    image, masked, clothing = make_batch()
    model(image, masked, clothing).main_logits.sum().backward()
    assert all(parameter.grad is None for parameter in model.attention_stream.parameters())
    assert model.ikt.conv.weight.grad is not None
