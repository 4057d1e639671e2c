"""The human parser: label mapping, network, saving and loading, and label maps at the images' own sizes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import v2

from ifd_zoo.gallery import example_photos
from ifd_zoo.hub.parsers import save_parser
from ifd_zoo.labels import CLOTHING, LABELS
from ifd_zoo.masks import class_mask
from ifd_zoo.parsing import ParserError, list_parsers, load_parser
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import BUNDLED, WEIGHTS, Letterbox, Parser, normalise
from ifd_zoo.parsing.training_sources import (
    CLOTHING_CO_PARSING,
    TARGETS,
    allowed_table,
    clothing_targets,
    read_label_names,
    target_lookup,
)

BACKBONE = 'mobilenetv4_conv_small_050'
CONFIG = {'backbone': BACKBONE, 'width': 16, 'size': (64, 32)}


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return ParsingNet(BACKBONE, len(LABELS), width=16)


@pytest.fixture
def folder(net, tmp_path):
    save_parser(net, tmp_path, CONFIG)
    return tmp_path


def noise(height, width, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_mapping_holds_59_classes_and_only_our_labels():
    assert len(CLOTHING_CO_PARSING) == 59
    for name, labels in CLOTHING_CO_PARSING.items():
        assert labels and set(labels) <= set(LABELS) and len(set(labels)) == len(labels), name
    assert set(CLOTHING_CO_PARSING['skin']) == {'face', 'arms', 'legs', 'neck'}


def test_targets_begin_with_the_single_labels():
    assert TARGETS[: len(LABELS)] == tuple((name,) for name in LABELS)
    table = allowed_table()
    assert table.shape == (len(TARGETS), len(LABELS))
    assert (table[: len(LABELS)] == np.eye(len(LABELS), dtype=bool)).all()
    for row, labels in zip(table, TARGETS, strict=True):
        assert {LABELS[index] for index in row.nonzero()[0]} == set(labels)


def test_clothing_targets():
    certain, unclear = clothing_targets()
    assert [LABELS[index] for index in np.flatnonzero(certain[: len(LABELS)])] == list(CLOTHING)
    positions = target_lookup(['suit', 'skin', 'bracelet'])
    assert certain[positions].tolist() == [True, False, False]
    assert unclear[positions].tolist() == [False, False, True]


def test_target_lookup_names_the_unknown_class():
    assert target_lookup(['null', 'jeans']).tolist() == [0, LABELS.index('lower')]
    with pytest.raises(ValueError, match='kimono'):
        target_lookup(['null', 'kimono'])


def test_read_label_names(tmp_path):
    file = tmp_path / 'label_names.txt'
    file.write_text('0\tnull\n1\tjeans\n')
    assert read_label_names(file) == ('null', 'jeans')
    file.write_text('1\tjeans\n')
    with pytest.raises(ValueError, match='index'):
        read_label_names(file)


@pytest.fixture(scope='module')
def inputs():
    image = Image.open(example_photos('query')[0]).convert('RGB').resize((128, 256))
    return normalise(v2.functional.pil_to_tensor(image))[None]


@torch.no_grad()
def test_probabilities_are_a_mean_over_the_image_and_its_mirror_image(inputs):
    net = load_parser('bundled').net
    found = net.probabilities(inputs)
    expected = (net(inputs).softmax(1) + net(inputs.flip(-1)).flip(-1).softmax(1)) / 2
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.sum(1), torch.ones(1, 256, 128))


@torch.no_grad()
def test_without_detail_the_mirror_image_has_half_the_size_and_half_the_weight(inputs):
    net = load_parser('bundled_resnet10t').net
    seen = net.forward_logits(inputs)
    small = net.forward_logits(torch.nn.functional.avg_pool2d(inputs, 2).flip(-1)).flip(-1)
    small = torch.nn.functional.interpolate(small, size=seen.shape[-2:], mode='bilinear')
    mean = 2 / 3 * seen.softmax(1) + 1 / 3 * small.softmax(1)
    expected = torch.nn.functional.interpolate(mean, size=(256, 128), mode='bilinear')
    torch.testing.assert_close(net.probabilities(inputs), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('backbone, detail', [('mobilenetv4_conv_small_050', 8), ('resnet10t', 0)])
def test_network_shape_and_gradients(backbone, detail):
    net = ParsingNet(backbone, num_classes=5, width=16, detail=detail)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)  # timm starts residual branches at 0, where nothing flows back
    if detail:
        torch.nn.init.normal_(net.detail.head.weight)  # the same
    logits = net(torch.rand(2, 3, 96, 64))
    assert logits.shape == (2, 5, 96, 64)
    logits.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize('size', [(64, 32), (51, 33)])
def test_detail_sees_single_pixels_and_adds_nothing_before_training(size):
    torch.manual_seed(0)
    net = ParsingNet(BACKBONE, num_classes=5, width=16, detail=8).eval()
    images = torch.rand(1, 3, *size)
    with torch.no_grad():
        before = net(images)
        features = []
        hook = net.detail.register_forward_hook(lambda _, inputs, output: features.append((inputs[0], output)))
        net(images)
        hook.remove()
        assert not features[0][1].any() and features[0][1].shape == (1, 5, *size)
        torch.nn.init.normal_(net.detail.head.weight)
        after, changed = net(images), images.clone()
        changed[..., 20, 11] += 1  # what one pixel adds must not be the same for its cell
        added = net.detail(features[0][0], changed) - net.detail(features[0][0], images)
    assert not torch.equal(before, after)
    assert len(added[0, :, 20:22, 10:12].flatten(1).unique(dim=1).T) == 4
    assert not added[..., :14, :].any() and not added[..., 27:, :].any()  # two 3x3 convolutions over cells of 2 x 2


def test_save_and_load_are_equal_up_to_float16(net, folder):
    parser = load_parser(folder)
    loaded = parser.net.state_dict()
    for name, value in net.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(loaded[name], expected), name
    assert parser.config['labels'] == list(LABELS) and parser.letterbox.size == (64, 32)
    stored = load_file(folder / 'model.safetensors').values()
    assert {value.dtype for value in stored} == {torch.float16, torch.int64}


def test_save_refuses_what_float16_cannot_hold(tmp_path):
    net = ParsingNet(BACKBONE, len(LABELS), width=16)
    torch.nn.init.constant_(net.head.bias, 1e6)
    with pytest.raises(ValueError, match='head.bias'):
        save_parser(net, tmp_path, CONFIG)


@pytest.mark.parametrize('height, width', [(128, 64), (40, 90), (7, 300), (300, 7), (1, 1), (1500, 1100)])
def test_letterbox_keeps_the_aspect_and_fits(height, width):
    letterbox = Letterbox((64, 32))
    result = letterbox(torch.full((3, height, width), 255, dtype=torch.uint8))
    top, left, inner_height, inner_width = letterbox.box(height, width)
    assert result.shape == (3, 64, 32)
    assert (result[:, top : top + inner_height, left : left + inner_width] == 255).all()
    assert (result == 255).all(0).sum() == inner_height * inner_width
    assert inner_height == 64 or inner_width == 32
    if min(height, width) > 10:
        assert abs(inner_height / inner_width * width / height - 1) < 0.1


def test_parse_gives_each_image_its_own_size(folder):
    parser = load_parser(folder)
    sizes = [(64, 32), (40, 90), (200, 61), (9, 5), (1100, 30), *[(50, 20)] * 14]
    images = [noise(height, width, seed) for seed, (height, width) in enumerate(sizes)]
    together = parser.parse(images)
    assert [label_map.shape for label_map in together] == sizes
    for image, label_map in zip(images, together, strict=True):
        assert label_map.dtype == np.uint8 and label_map.max() < len(LABELS)
        alone = parser.parse([image])[0]
        assert (alone == label_map).mean() > 0.995  # other batch sizes may round differently: only near-ties move
    assert all((a == b).all() for a, b in zip(together, parser.parse(images), strict=True))


def test_parse_reads_every_mode_and_no_images(folder):
    parser = load_parser(folder)
    assert parser.parse([]) == []
    for mode in ('L', 'RGBA', 'P', '1', 'CMYK'):
        assert parser.parse([noise(30, 20).convert(mode)])[0].shape == (30, 20)


class Brightness(torch.nn.Module):
    """Class 1 where an image is bright."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, images):
        score = images.mean(1, keepdim=True) * self.weight
        return torch.cat([-score, score], 1)

    probabilities = forward


def test_parse_puts_the_classes_where_the_image_has_them():
    pixels = np.zeros((50, 130, 3), np.uint8)
    pixels[:, 100:] = 255
    label_map = Parser(Brightness(), (64, 32)).parse([Image.fromarray(pixels)])[0]
    assert label_map[:, :95].max() == 0 and label_map[:, 105:].min() == 1


def test_no_parser_is_all_background():
    label_map = load_parser('none').parse([noise(30, 20)])[0]
    assert label_map.shape == (30, 20) and label_map.dtype == np.uint8 and not label_map.any()


@pytest.mark.parametrize('file', ['config.json', 'model.safetensors'])
def test_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(ParserError, match=file):
        load_parser(folder)


def test_corrupt_files_are_reported(folder):
    weights = (folder / 'model.safetensors').read_bytes()
    (folder / 'model.safetensors').write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ParserError, match='not the file that was released'):
        load_parser(folder)
    config = json.loads((folder / 'config.json').read_text())
    del config['sha256']  # as in folders of earlier versions
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ParserError, match='damaged or not safetensors'):
        load_parser(folder)
    (folder / 'config.json').write_text('{')
    with pytest.raises(ValueError, match='JSON'):
        load_parser(folder)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'width': 24}, 'does not fit.*of another shape'), ({'backbone': 'hf-hub:a/b'}, 'no backbone'),
        ({'labels': ['background']}, 'its labels are not those'), ({'size': None}, 'lacks size'),
        ({'width': 'wide'}, 'its width is "wide"'), ({'width': 10**9}, 'width is 1000000000: .* less than'),
        ({'detail': -1}, 'detail is -1: .* greater than'), ({'detail': 8}, 'does not fit.*detail'),
        ({'std': [1, 1, 1]}, 'its std are not those'), ({'backbone': 'test_maxvit'}, 'does not fit|describes no'),
    ],
)  # fmt: skip
def test_wrong_config_is_reported(folder, change, message):
    config = {**json.loads((folder / 'config.json').read_text()), **change}
    config = {key: value for key, value in config.items() if value is not None}
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_parser(folder)


@pytest.mark.parametrize('name', BUNDLED)
def test_bundled_parser(name):
    assert name in list_parsers()
    assert (WEIGHTS / BUNDLED[name] / 'model.safetensors').stat().st_size < 20e6
    parser = load_parser(name)
    figures = parser.config['figures']
    assert figures['rendered']['clothing'] > 0.82 and figures['photos']['clothing'] > 0.84
    assert '/' not in parser.config['command'].replace('train/parser.py', '')


def test_bundled_parser_finds_the_clothing_of_the_examples():
    paths = sorted((WEIGHTS.parent / 'examples').rglob('*.jpg'))
    assert paths
    for path, label_map in zip(paths, load_parser().parse([Image.open(path) for path in paths]), strict=True):
        clothed = class_mask(label_map)
        top, bottom = np.flatnonzero(clothed.any(1))[[0, -1]]
        assert 0.08 < clothed.mean() < 0.5, path.name
        assert top < 0.4 * len(clothed) and bottom > 0.7 * len(clothed), path.name  # from the shoulders to the shoes
        assert clothed[top:bottom].mean(0).argmax() == pytest.approx(clothed.shape[1] / 2, abs=clothed.shape[1] / 4)
