"""SCHP: the network against its description, weights in both forms, and the way from image to square and back."""

import pickle
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from ifd_zoo.labels import CLOTHING, LABELS, MASK_SETS, class_indices
from ifd_zoo.masks import class_mask
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.labelsets import ATR, LABEL_SETS, LIP, label_lookup
from ifd_zoo.parsing.schp import SCHPParser, SquareWarp
from ifd_zoo.parsing.schp_network import SCHP, SCHPOutput

KEYS = """conv1.weight layer3.22.bn3.running_var context_encoding.stages.0.1.weight edge.conv4.bias
    decoder.conv4.weight fushion.3.weight""".split()


@pytest.fixture(scope='module')
def net():
    """For LIP, with random weights: statistics that are not trivial, a third of the scales negative."""
    torch.manual_seed(0)
    net = SCHP(20)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith('running_var'):
                value.uniform_(0.3, 1.5)
            elif name.endswith(('running_mean', 'bias')):
                value.normal_(0, 0.2)
            elif value.ndim == 1:
                value.copy_(torch.rand_like(value) * torch.where(torch.rand_like(value) < 1 / 3, -1.0, 1.0))
            else:
                value.normal_(0, (2 / value[0].numel()) ** 0.5)
    return net.eval()


class Reference:
    """The forward pass as the papers and the released weights describe it, one layer after the other."""

    def __init__(self, state):
        self.state = state

    def norm(self, x, name):
        mean, var, weight, bias = (
            self.state[f'{name}.{key}'][:, None, None] for key in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return (x - mean) / (var + 1e-5).sqrt() * (weight.abs() + 1e-5) + bias

    def conv(self, x, name, **options):
        return F.conv2d(x, self.state[f'{name}.weight'], self.state.get(f'{name}.bias'), **options)

    def leaky(self, x, name, first=0, **options):
        """Convolution `first`, normalisation `first + 1` of a sequence, leaky ReLU of 0.01."""
        x = self.norm(self.conv(x, f'{name}.{first}', **options), f'{name}.{first + 1}')
        return torch.where(x > 0, x, 0.01 * x)

    def block(self, x, name, stride, dilation):
        y = self.norm(self.conv(x, f'{name}.conv1'), f'{name}.bn1').clamp(min=0)
        y = self.conv(y, f'{name}.conv2', stride=stride, padding=dilation, dilation=dilation)
        y = self.norm(y, f'{name}.bn2').clamp(min=0)
        y = self.norm(self.conv(y, f'{name}.conv3'), f'{name}.bn3')
        if f'{name}.downsample.0.weight' in self.state:
            x = self.norm(self.conv(x, f'{name}.downsample.0', stride=stride), f'{name}.downsample.1')
        return (x + y).clamp(min=0)

    def layer(self, x, name, blocks, stride, dilation=1):
        for index in range(blocks):
            x = self.block(x, f'{name}.{index}', 1 if index else stride, dilation)
        return x

    def __call__(self, x):
        for index, stride in ((1, 2), (2, 1), (3, 1)):
            x = self.norm(self.conv(x, f'conv{index}', stride=stride, padding=1), f'bn{index}').clamp(min=0)
        x2 = self.layer(F.max_pool2d(x, 3, 2, 1), 'layer1', 3, 1)
        x3 = self.layer(x2, 'layer2', 4, 2)
        x4 = self.layer(x3, 'layer3', 23, 2)
        x5 = self.layer(x4, 'layer4', 3, 1, dilation=2)
        context = []
        for index, cells in enumerate((1, 2, 3, 6)):
            pooled = F.adaptive_avg_pool2d(x5, cells)
            context.append(enlarge(self.leaky(pooled, f'context_encoding.stages.{index}', first=1), x5))
        context = self.leaky(torch.cat([*context, x5], 1), 'context_encoding.bottleneck', padding=1)
        top = enlarge(self.leaky(context, 'decoder.conv1'), x2)
        features = self.leaky(torch.cat([top, self.leaky(x2, 'decoder.conv2')], 1), 'decoder.conv3')
        features = self.leaky(features, 'decoder.conv3', first=2)
        edge_features = [self.leaky(x, f'edge.conv{index}') for index, x in ((1, x2), (2, x3), (3, x4))]
        edges = [enlarge(self.conv(x, 'edge.conv4', padding=1), x2) for x in edge_features]
        fused = torch.cat([features, *(enlarge(x, x2) for x in edge_features)], 1)
        fusion = self.conv(self.leaky(fused, 'fushion'), 'fushion.3')
        return self.conv(features, 'decoder.conv4'), fusion, self.conv(torch.cat(edges, 1), 'edge.conv5')


def enlarge(x, like):
    return F.interpolate(x, size=like.shape[-2:], mode='bilinear', align_corners=True)


@torch.inference_mode()
def test_the_network_equals_its_description(net):
    images = torch.randn(2, 3, 65, 65, generator=torch.Generator().manual_seed(1))
    output = net(images)
    expected = Reference(net.state_dict())(images)
    assert output.parsing[1].shape == (2, 20, 17, 17) and output.edge.shape == (2, 2, 17, 17)
    for got, wanted in zip((*output.parsing, output.edge), expected, strict=True):
        assert wanted.std() > 1e-3
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3 * wanted.std().item())


def test_the_network_has_the_published_size_and_names(net):
    state = net.state_dict()
    assert round(sum(value.numel() for value in state.values()) / 1e6, 1) == 66.8
    assert set(KEYS) <= set(state) and not any('num_batches_tracked' in key for key in state)
    assert len({key.split('.')[1] for key in state if key.startswith('layer3.')}) == 23


def saved(path, state):
    if path.suffix == '.pth':
        torch.save(state, path)
    else:
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def test_weights_of_both_forms_load_and_parse(net, tmp_path):
    state = {key: value.half() for key, value in net.state_dict().items()}
    extra = {'model.bn1.num_batches_tracked': torch.tensor(5)}
    hub = saved(tmp_path / 'model.safetensors', {**{f'model.{key}': v for key, v in state.items()}, **extra})
    parsers = [load_parser(f'schp_lip:{tmp_path}')]
    hub.unlink()
    original = {'epoch': 3, 'state_dict': {f'module.{key}': value for key, value in state.items()}}
    parsers.append(load_parser(f'schp_lip:{saved(tmp_path / "exp-schp-lip.pth", original)}'))
    for parser in parsers:
        for key, value in parser.net.state_dict().items():
            assert torch.equal(value, state[key].float()), key
    ids = {parser.identify() for parser in parsers}
    assert len(ids) == 1 and ids.pop().startswith('schp_lip:')
    parsers[0].warp = SquareWarp(65)  # a small square: the network takes any
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8))
    (label_map,) = parsers[0].parse([image])
    with torch.inference_mode():
        square = F.interpolate(parsers[0].net(parsers[0].prepare(image)[None]).parsing[1], (65, 65), mode='bilinear',
                               align_corners=True)[0]
    expected = label_lookup('lip')[slow_warp(square.numpy(), 40, 20, 64 / 39).argmax(0)]
    assert label_map.dtype == np.uint8 and (label_map == expected).mean() > 0.99


def refusal(path):
    with pytest.raises(ParserError, match=re.escape(str(path))) as caught:
        load_parser(f'schp_lip:{path}')
    return str(caught.value)


@pytest.mark.parametrize('name, content, words', [
    ('a.safetensors', {'model.fushion.3.weight': torch.zeros(18, 256, 1, 1)},
     'weights for 18 classes, but schp_lip has 20; they are weights for schp_atr: use schp_atr:PATH'),
    ('a.safetensors', {'model.fushion.3.weight': torch.zeros(7, 256, 1, 1)},
     'weights for 7 classes, but schp_lip has 20; they are of another label set'),
    ('a.safetensors', {'model.conv1.weight': torch.full((64, 3, 3, 3), torch.nan)}, 'conv1.weight'),
    ('a.safetensors', {'model.conv1.weight': torch.zeros(64, 3, 3, 3, dtype=torch.int8)}, 'conv1.weight'),
    ('a.pth', {'state_dict': {'epoch': 3}}, 'holds no weights by name'),
    ('a.pth', b'nonsense', 'a.pth'),
    ('a.safetensors', b'nonsense', 'not a readable file of weights'),
    ('a.safetensors', b'', 'not a readable file of weights'),
])
def test_a_file_without_usable_weights_is_refused_with_the_reason(tmp_path, name, content, words):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        saved(tmp_path / name, content)
    assert words in refusal(tmp_path / name)


def test_what_is_missing_unexpected_or_of_another_shape_is_listed(tmp_path):
    state = {'conv1.weight': torch.zeros(64, 3, 7, 7), 'fushion.3.weight': torch.zeros(20, 256, 1, 1),
             'head.weight': torch.zeros(2)}
    message = refusal(saved(tmp_path / 'a.pth', {'state_dict': state}))
    assert '601 missing: bn1.bias, bn1.running_mean' in message and ', ...' in message
    assert '1 unexpected: head.weight' in message
    assert '1 wrong shape: conv1.weight (64, 3, 7, 7) for (64, 3, 3, 3)' in message


def test_a_folder_must_hold_one_file_of_weights(tmp_path):
    assert 'found none' in refusal(tmp_path)
    for name in ('a.pth', 'b.pth'):
        saved(tmp_path / name, {})
    assert 'found a.pth, b.pth' in refusal(tmp_path)


class Harmful:
    def __reduce__(self):
        return print, ('code has run',)


def test_code_in_a_file_of_weights_is_refused_and_not_run(tmp_path, capsys):
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': Harmful()}, path)
    assert 'refused, it holds more than weights' in refusal(path)
    path.write_bytes(pickle.dumps(Harmful(), protocol=2))
    refusal(path)
    assert 'code has run' not in capsys.readouterr().out


def test_without_a_network_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(ParserError, match='pirocheto/schp-atr-18 are unavailable.*schp_atr:PATH') as caught:
        load_parser('schp_atr')
    assert '\n' not in str(caught.value)


def interpolate(plane, y, x):
    """Bilinear value of (H, W) at a point; 0 outside."""
    total = 0.0
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
                total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def slow_warp(planes, height, width, step):
    """(K, height, width): (K, H, W) sampled every `step` pixels, with the same centre."""
    warped = np.zeros((len(planes), height, width))
    middle = (np.array(planes.shape[1:]) - 1) / 2
    for row, column in np.ndindex(height, width):
        y, x = middle + ((row - (height - 1) / 2) * step, (column - (width - 1) / 2) * step)
        warped[:, row, column] = [interpolate(plane, y, x) for plane in planes]
    return warped


@pytest.mark.parametrize('height, width', [(9, 5), (1, 6), (40, 23), (1, 1)])
def test_an_image_becomes_a_square_and_scores_come_back_as_by_the_formula(height, width, monkeypatch):
    monkeypatch.setattr('ifd_zoo.parsing.schp.STRIP', 40)  # in several strips
    warp, step = SquareWarp(17), max(height - 1, width - 1, 1) / 16
    pixels = np.random.default_rng(0).random((2, height, width))
    square = warp.to_square(torch.tensor(pixels, dtype=torch.float32))
    assert np.abs(square.numpy() - slow_warp(pixels, 17, 17, step)).max() < 1e-4
    scores = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(scores[None], (17, 17), mode='bilinear', align_corners=True)[0].numpy()
    expected = slow_warp(large, height, width, 1 / step).argmax(0)
    assert (warp.classes(scores, height, width).numpy() == expected).mean() > 0.97  # but for ties


class Brightest(torch.nn.Module):
    """Class 5 where blue is strongest, 9 where red is, 0 elsewhere; at a quarter of the size."""

    def __init__(self, classes):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(classes))

    def forward(self, images):
        scores = self.weight[None, :, None, None] + 0 * images[:, :1, ::4, ::4]
        scores[:, 5], scores[:, 9] = images[:, 0, ::4, ::4], images[:, 2, ::4, ::4]
        return SCHPOutput((scores - 100, scores), scores[:, :2])


def test_channels_are_blue_green_red_and_classes_become_our_labels():
    pixels = np.zeros((60, 30, 3), np.uint8)
    pixels[:25, :, 2], pixels[35:, :, 0] = 255, 255
    parser = SCHPParser(Brightest(20), 'schp_lip')
    prepared = parser.prepare(Image.fromarray(pixels))
    assert prepared.shape == (3, 473, 473)
    assert prepared[:, 50, 236].tolist() == pytest.approx([(1 - 0.406) / 0.225, -0.456 / 0.224, -0.485 / 0.229])
    assert prepared[:, 236, 0].tolist() == pytest.approx([-0.406 / 0.225, -0.456 / 0.224, -0.485 / 0.229])  # black
    label_map = parser.parse([Image.fromarray(pixels)])[0]
    assert (label_map[:23] == LABELS.index('upper')).all() and (label_map[37:] == LABELS.index('lower')).all()
    assert (label_map[28:32] == 0).all()
    swapped = parser.parse([Image.fromarray(pixels[..., ::-1].copy())])[0]
    assert (swapped[:23] == LABELS.index('lower')).all()
    shoes = SCHPParser(Brightest(18), 'schp_atr').parse([Image.fromarray(pixels)])[0]
    assert (shoes[37:] == LABELS.index('shoes')).all()


def test_clothing_of_each_label_set_by_name():
    assert (len(LIP), len(ATR)) == (20, 18)
    clothing = {name: np.flatnonzero(class_mask(label_lookup(name)[None])[0]).tolist() for name in ('lip', 'atr')}
    assert clothing == {'lip': [3, 5, 6, 7, 8, 9, 10, 11, 12, 18, 19], 'atr': [4, 5, 6, 7, 8, 9, 10, 16, 17]}
    without, bag, hair = set(class_indices(['no_bag', 'hair'])), *map(LABELS.index, ('bag', 'hair'))
    assert without == set(class_indices(CLOTHING)) - {bag} | {hair}
    for name, classes in LABEL_SETS.items():
        assert set(classes.values()) <= set(LABELS) and label_lookup(name).tolist()[0] == 0
    assert {label for labels in MASK_SETS.values() for label in labels} <= set(LABELS)
    with pytest.raises(ValueError, match='unknown label kimono; the labels are: background.*sets of them: default'):
        class_indices(['kimono'])
