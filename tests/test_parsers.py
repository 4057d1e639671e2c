"""Parsers by name: the registry, terms to be accepted, label maps on disk, SegFormer, and what all networks share."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

import ifd_zoo
from eval.parsers.figures import changed_pixels
from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.labels import LABELS
from ifd_zoo.models.inference import native_precision
from ifd_zoo.parsing import ParserError, list_parsers, load_parser
from ifd_zoo.parsing.__main__ import main
from ifd_zoo.parsing.base import NetworkParser, classes_at, content_key
from ifd_zoo.parsing.labelsets import ATR, LIP
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import BUNDLED, WEIGHTS, Parser
from ifd_zoo.parsing.registry import PARSERS, portable_name, split_name
from ifd_zoo.predictor import Predictor
from tests.map_folders import FIRST, flags, records_of
from tests.test_parsing import noise
from tests.trees import write_folder_tree

SEGFORMER = 'segformer_b2_clothes'


@pytest.fixture(scope='module')
def segformer(tmp_path_factory):
    """A small SegFormer with random weights, saved as on the Hub; its classes are in another order than ATR's."""
    torch.manual_seed(0)
    names = [name.replace('-', ' ').capitalize() for name in ATR][::-1]
    config = SegformerConfig(
        hidden_sizes=[8, 16, 24, 32], depths=[1] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=16,
        id2label=dict(enumerate(names)), label2id={name: index for index, name in enumerate(names)},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp('segformer')
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={'height': 64, 'width': 96}).save_pretrained(folder)
    return folder


def test_the_names_are_public_and_all_loaders_exist():
    assert ifd_zoo.list_parsers() == list_parsers() == ['bundled', 'bundled_resnet10t', 'none', *PARSERS]
    assert ifd_zoo.load_parser is load_parser
    for entry in PARSERS.values():
        module, _, function = entry.loader.partition(':')
        assert callable(getattr(__import__(f'ifd_zoo.parsing.{module}', fromlist=[function]), function))


def test_a_name_before_a_path_is_split_off():
    assert split_name('schp_lip:/a/b.pth') == ('schp_lip', '/a/b.pth')
    assert split_name('C:/parsers/mine') == ('', 'C:/parsers/mine')
    assert portable_name('schp_lip:/a/b.pth') == 'schp_lip:b.pth'
    assert split_name('hf-hub:org/mine@v1') == ('hf-hub', 'org/mine@v1')
    assert portable_name('hf-hub:org/mine@v1') == 'hf-hub:org/mine@v1'
    assert portable_name('/a/b') == 'b' and portable_name('bundled') == 'bundled'


@pytest.mark.parametrize('name, words', [
    ('bundled:/a', 'takes no path'), ('none:/a', 'takes no path'), ('labelmap', 'as in labelmap:DIR'),
    ('labelmap:/nowhere', 'no label maps'),
    ('schp-lip-21', "unknown parser 'schp-lip-21': expected bundled, bundled_resnet10t, none, schp_lip"),
])  # fmt: skip
def test_a_name_that_cannot_be_loaded_is_refused_with_the_reason(name, words):
    with pytest.raises(ParserError, match=words):
        load_parser(name)


def test_terms_are_shown_and_must_be_accepted(segformer, monkeypatch):
    name = f'{SEGFORMER}:{segformer}'
    with pytest.raises(ParserError, match='non-commercial.*NVlabs/SegFormer.*IFD_ACCEPT_LICENCE=segformer_b2_clothes'):
        load_parser(name)
    assert load_parser(name, accept_licence=True).identify() == load_parser(name, 'cpu', True).identify()
    monkeypatch.setenv('IFD_ACCEPT_LICENCE', 'another')
    with pytest.raises(ParserError, match='has terms of its own'):
        load_parser(name)
    monkeypatch.setenv('IFD_ACCEPT_LICENCE', f'another, {SEGFORMER}')
    assert load_parser(name).identify().startswith(f'{SEGFORMER}:')
    assert MaskSource(name).name.startswith(f'{SEGFORMER}:{segformer.name} (')


@torch.inference_mode()
def test_segformer_gives_its_classes_in_our_labels(segformer):
    parser = load_parser(f'{SEGFORMER}:{segformer}', accept_licence=True)
    images = [noise(50, 30), noise(40, 90, 1).convert('L')]
    maps = parser.parse(images)
    assert [label_map.shape for label_map in maps] == [(50, 30), (40, 90)]
    net = SegformerForSemanticSegmentation.from_pretrained(segformer).eval()
    processor = SegformerImageProcessor.from_pretrained(segformer)
    for image, label_map in zip(images, maps, strict=True):
        logits = net(**processor(images=image.convert('RGB'), return_tensors='pt')).logits
        size = (image.height, image.width)
        classes = torch.nn.functional.interpolate(logits, size=size, mode='bilinear').argmax(1)[0].numpy()
        expected = np.array([LABELS.index(label) for label in ATR.values()][::-1])[classes]
        assert (label_map == expected).mean() > 0.99 and len(np.unique(label_map)) > 1


def test_a_segformer_that_does_not_fit_is_refused(segformer, tmp_path):
    folder = shutil.copytree(segformer, tmp_path / 'model')
    config = json.loads((folder / 'config.json').read_text())
    other_class = {'id2label': {**config['id2label'], '3': 'Kimono'}}
    for change, words in ((other_class, 'kimono'), ({'decoder_hidden_size': 24}, 'SegFormer|wrong shape')):
        (folder / 'config.json').write_text(json.dumps({**config, **change}))
        with pytest.raises(ParserError, match=words):
            load_parser(f'{SEGFORMER}:{folder}', accept_licence=True)
    net = SegformerForSemanticSegmentation.from_pretrained(segformer)
    net.decode_head.classifier.weight.data[0] = torch.nan
    net.save_pretrained(folder)
    with pytest.raises(ParserError, match='decode_head.classifier.weight holds values that are not finite'):
        load_parser(f'{SEGFORMER}:{folder}', accept_licence=True)
    with pytest.raises(ParserError, match='nowhere: cannot be loaded') as caught:
        load_parser(f'{SEGFORMER}:{tmp_path}/nowhere', accept_licence=True)
    assert '\n' not in str(caught.value)


def test_a_missing_package_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ParserError, match='pip install "transformers'):
        load_parser(SEGFORMER, accept_licence=True)


@pytest.fixture
def root(tmp_path):
    return write_folder_tree(tmp_path / 'data', train=2, test=1, views=2)


def test_label_maps_are_found_by_relative_paths_too(tmp_path, monkeypatch):
    for number, name in enumerate(('1/c.png', '0012/1/c.png', 'a.png')):
        (tmp_path / 'maps' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 32), number, np.uint8)).save(tmp_path / 'maps' / name)
    monkeypatch.chdir(tmp_path)
    parser = load_parser('labelmap:maps')
    for path, expected in (('0012/1/c.jpg', 1), (tmp_path / '0012/1/c.jpg', 1), ('a.jpg', 2), ('./x/a.jpg', 2)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        noise(64, 32).save(path)
        with Image.open(path) as image:
            assert (parser.parse([image])[0] == expected).all(), path


def test_label_maps_of_another_tool_become_ours(root, tmp_path):
    maps, records = tmp_path / 'maps', records_of(root)
    for value, record in enumerate(records):
        path = maps / record.path.relative_to(root).with_suffix('.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 32), value, np.uint8)).save(path)
    assert main(flags(root, tmp_path / 'out', '--parser', f'labelmap_lip:{maps}')) == 0
    summary = json.loads((tmp_path / 'out' / 'masks.json').read_text())
    assert summary['name'] == 'labelmap_lip:maps' and summary['parser'].startswith('labelmap_lip:')
    expected = [LABELS.index(label) for label in LIP.values()]
    for masks in (tmp_path / 'out', f'labelmap_lip:{maps}'):
        masked = MaskSource(masks).apply(records, root, tmp_path / 'cache')
        for value, record in enumerate(masked):
            assert (read_label_map(record.label_map) == expected[value]).all()
    parser = load_parser(f'labelmap_lip:{maps}')
    assert parser.parse([Image.open(records[5].path)])[0].max() == expected[5]
    (analysis,) = Predictor('ifd_resnet10t.synthetic', parser, 'cpu').analyze([records[5].path])
    assert (analysis.label_map == expected[5]).all()
    before = parser.identify()
    Image.fromarray(np.zeros((64, 32), np.uint8)).save(maps / 'another.png')
    assert load_parser(f'labelmap_lip:{maps}').identify() != before


def test_label_maps_that_are_missing_or_do_not_fit_are_named(root, tmp_path, capsys):
    parser = load_parser(f'labelmap:{root / "parsing"}')
    with pytest.raises(ParserError, match='this image has none'):
        parser.parse([noise(64, 32)])
    with pytest.raises(ParserError, match='elsewhere.jpg: no label map in'):
        noise(64, 32).save(tmp_path / 'elsewhere.jpg')
        parser.parse([Image.open(tmp_path / 'elsewhere.jpg')])
    path = root / 'parsing' / f'{FIRST}.png'
    Image.fromarray(np.full((64, 32), 18, np.uint8)).save(path)
    assert main(flags(root, tmp_path / 'out', '--parser', f'labelmap_atr:{root / "parsing"}')) == 2
    assert f'error: {path}: holds the value 18; labels are 0 to 17' in capsys.readouterr().err


class Counting(NetworkParser):
    """Every pixel is the class that its red channel names."""

    def __init__(self, batch_size=3):
        super().__init__(torch.nn.Linear(1, 1), {'size': [4, 4]}, batch_size)
        self.batches = []

    def _scores(self, images):
        self.batches.append(len(images))
        red = torch.stack([torch.tensor(np.asarray(image)[..., 0]) for image in images]).long()
        return torch.nn.functional.one_hot(red, 14).movedim(-1, 1)

    def _label_maps(self, scores, images):
        return list(map(classes_at, scores, images))


def test_an_image_that_comes_twice_is_parsed_once():
    parser, images = Counting(), [Image.new('RGB', (6, 5), (value, 0, 0)) for value in (1, 2, 3, 1, 4, 2)]
    assert [label_map[0, 0] for label_map in parser.parse(images)] == [1, 2, 3, 1, 4, 2]
    assert parser.batches == [2, 2]
    again = parser.parse(images[::-1])
    assert [label_map[0, 0] for label_map in again] == [2, 4, 1, 3, 2, 1] and parser.batches == [2, 2]
    again[0][:] = 9  # is the caller's own
    assert parser.parse(images[1:2])[0].max() == 2
    assert parser.parse([Image.new('RGB', (5, 6), (1, 0, 0))])[0].shape == (6, 5) and parser.batches == [2, 2, 1]
    parser.precision = 'bf16'
    parser.parse(images[:1])
    parser.forget()
    parser.parse(images[:1])
    assert parser.batches == [2, 2, 1, 1, 1]


def test_modes_and_sizes_with_the_same_bytes_are_other_images():
    grey = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    assert content_key(grey) == content_key(grey.convert('RGB'))
    assert content_key(grey) != content_key(Image.frombytes('L', (4, 6), grey.tobytes()))


@pytest.mark.parametrize('name', BUNDLED)
def test_bundled_parsers_compute_in_bfloat16_only_where_it_changes_few_pixels(name):
    images = [Image.open(path) for path in sorted((WEIGHTS.parent / 'examples').rglob('*.jpg'))]
    parser = load_parser(name)
    recorded, found = parser.config['sixteen_bits'], changed_pixels(parser, images)
    assert parser.precision == (native_precision('cpu') if recorded['most'] <= 0.005 else 'fp32')
    assert found['pictures'] == len(images) and 0 < found['mean'] <= found['most']
    assert found['mean'] <= (0.005 if recorded['most'] <= 0.005 else 2 * recorded['mean'])


@pytest.mark.parametrize('most, precision', [(0.004, 'bf16'), (0.006, 'fp32'), (None, 'fp32')])
def test_a_parser_computes_in_16_bits_only_where_its_release_says_that_this_keeps_the_maps(
    most, precision, monkeypatch
):
    monkeypatch.setattr('ifd_zoo.parsing.parser.native_precision', lambda device: 'bf16')
    config = {} if most is None else {'sixteen_bits': {'most': most}}
    assert Parser(ParsingNet('resnet10t', len(LABELS), 16), (64, 32), config).precision == precision


def test_changed_pixels_are_those_of_another_class():
    class Careless(NetworkParser):
        def _scores(self, images):
            return torch.zeros(len(images), 1, 1, 1)

        def _label_maps(self, scores, images):
            wrong = self.precision == 'bf16'
            return [np.full((2, 5), 0) + wrong * (np.arange(10).reshape(2, 5) < image.getpixel((0, 0))[0])
                    for image in images]  # fmt: skip

    parser = Careless(torch.nn.Conv2d(1, 1, 1), {}, 4)
    images = [Image.new('RGB', (5, 2), (value, 0, 0)) for value in (0, 1, 5)]
    assert changed_pixels(parser, images) == {'pictures': 3, 'mean': 0.2, 'most': 0.5}
    assert parser.precision == 'fp32'
