"""What a parser's encoder starts from: weights by name or by order, brought to our normalisation of images."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from ifd_zoo.labels import LABELS
from ifd_zoo.models.backbone import Backbone, match_weights
from ifd_zoo.parsing import ParserError
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import normalise
from train.parsers.encoder_weights import adapt_to_inputs, start_encoder

NAME, SMALL = 'tf_efficientnet_lite0', 'mobilenetv4_conv_small_050'


@pytest.fixture(scope='module')
def published():
    """A whole network with statistics of some data, as a published one is."""
    torch.manual_seed(0)
    net = timm.create_model(NAME).train()
    with torch.no_grad():
        net(torch.randn(4, 3, 64, 64))
    return net.eval()


def test_weights_fit_by_name_and_by_order_and_no_other_way(published):
    expected = timm.create_model(NAME, features_only=True).state_dict()
    by_name = dict(reversed(published.state_dict().items()))  # the order is of no matter where the names are right
    renamed = enumerate(published.state_dict().items())
    by_order = {f'_layers.{index}.{name.split(".")[-1]}': value for index, (name, value) in renamed}
    for weights in (by_name, by_order):
        found = match_weights(weights, expected, 'file')
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], published.state_dict()[key]) for key in expected if 'num_batches' not in key)
    shifted = dict(list(by_order.items())[1:])
    with pytest.raises(ValueError, match='file: .* of 2.. tensors do not fit by name or order: conv_stem.weight'):
        match_weights(shifted, expected, 'file')
    with pytest.raises(ValueError, match='do not fit'):
        match_weights({}, expected, 'file')


def test_an_adapted_encoder_sees_our_images_as_the_published_one_sees_its_own(published, tmp_path):
    save_file(published.state_dict(), tmp_path / 'weights.safetensors')
    net = ParsingNet(NAME, len(LABELS), 16).eval()
    assert start_encoder(net, NAME, str(tmp_path / 'weights.safetensors')).startswith('weights.safetensors (SHA-256 ')
    images = torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        ours = net.encoder(normalise(images))[0]
        theirs = published.blocks[0](published.bn1(published.conv_stem(images / 127.5 - 1)))  # mean and deviation 0.5
    inner = (..., slice(1, -3), slice(1, -3))  # the zeros beyond the edge are other colours to each of them
    torch.testing.assert_close(ours[inner], theirs[inner], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2)


def test_without_padding_the_adapted_encoder_is_exact():
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)).eval()
    images = torch.randint(256, (1, 3, 9, 9), dtype=torch.uint8)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    expected = encoder((images / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])
    adapt_to_inputs(encoder, mean, std)
    torch.testing.assert_close(encoder(normalise(images)), expected)


def test_none_leaves_random_weights():
    net = ParsingNet(SMALL, len(LABELS), 16)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    assert start_encoder(net, SMALL, 'none') is None
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize('name, content, reason', [
    ('missing.safetensors', None, ''), ('missing.pth', None, ''), ('torn.safetensors', b'{', ''),
    ('pickle.pth', b'cos\nsystem\n(S"true"\ntR.', ''), ('list.pth', [torch.ones(3)], 'it holds more than named'),
    ('nested.pth', {'state_dict': {'conv.weight': torch.ones(3)}}, 'it holds more than named'),
    ('tensor.pth', torch.ones(3), 'it holds more than named'),
])  # fmt: skip
def test_files_that_are_no_weights_are_refused_with_their_name(name, content, reason, tmp_path):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / name)
    with pytest.raises(ParserError, match=f'{name}: cannot be read as weights .{reason}'):
        start_encoder(ParsingNet(SMALL, len(LABELS), 16), SMALL, str(tmp_path / name))


def test_weights_that_are_no_finite_numbers_are_refused_with_the_tensors_name(published):
    expected = timm.create_model(NAME, features_only=True).state_dict()
    state = published.state_dict()
    for change, fault in ((lambda v: v / 0, 'not finite'), (torch.Tensor.char, 'of type int8')):
        with pytest.raises(ValueError, match=f'file: conv_stem.weight .*{fault}'):
            match_weights(state | {'conv_stem.weight': change(state['conv_stem.weight'])}, expected, 'file')
        backbone = Backbone('test_efficientnet')
        weights = {key: change(value) for key, value in backbone.net.state_dict().items()}
        with pytest.raises(ValueError, match=f'file: .*weight .*{fault}'):
            backbone.load_weights(weights, 'file')
