"""Releases of human parsers: what is in them, and what differs from models on the Hub."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file, save_file

from ifd_zoo.common.files import hash_file
from ifd_zoo.hub import LoadError, ReleaseError, load_model
from ifd_zoo.hub.__main__ import main
from ifd_zoo.hub.check import check_release
from ifd_zoo.hub.parsers import save_parser
from ifd_zoo.hub.push import push_release
from ifd_zoo.labels import LABELS
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.__main__ import main as parse
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.releases.files import RELEASE_FILES
from tests import small_releases, test_hub_server
from tests.small_releases import config_of, make_parser, write_config
from tests.test_hub_server import assert_one_line
from tests.trees import write_folder_tree
from train.config import Config

BACKBONE = 'test_efficientnet'
NAME = f'parser_{BACKBONE}'
REPO, SOURCE = f'zoo/{NAME}', f'hf-hub:zoo/{NAME}'
FIGURES = {
    'rendered': {'miou': 0.5827, 'clothing': 0.8688, 'skin': 0.6, 'classes': {'hair': 0.6722, 'coat': 0.38}},
    'photos': {'miou': 0.4, 'clothing': 0.7983, 'classes': {'hair': 0.4749}},
}
CONFIG = {
    'backbone': BACKBONE, 'width': 8, 'size': (64, 32), 'command': 'python train/parser.py --seed 7', 'epochs': 2,
    'images': {'rendered': {'train': 4, 'validation': 3}}, 'figures': FIGURES, 'limits': 'Sees no hats.',
}

hub, release = test_hub_server.hub, small_releases.release


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp('saved') / 'release'
    save_parser(make_parser(), folder, CONFIG)
    return folder


@pytest.fixture
def pushed(hub, saved):
    """The commit of a release on that Hub."""
    return push_release(saved, REPO).commit


def parsed(source):
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in ((64, 32), (50, 40))]
    return np.concatenate([label_map.ravel() for label_map in load_parser(source).parse(images)])


def test_a_saved_parser_is_a_whole_release_that_passes_its_own_check(saved):
    assert {path.name for path in saved.iterdir()} == set(RELEASE_FILES)
    assert 'as released; label maps within 0.0e+00, probabilities within' in check_release(saved)
    hashes = config_of(saved)['sha256']
    assert hashes == {name: hash_file(saved / name) for name in ('model.safetensors', 'golden.safetensors')}
    golden = load_file(saved / 'golden.safetensors')
    assert golden['images'].shape == (2, 64, 32, 3) and golden['label_maps'].shape == (2, 64, 32)
    assert golden['probabilities'].shape == (2, len(LABELS), 8, 4)


def test_the_card_has_metadata_that_the_hub_reads(saved):
    data = ModelCard.load(saved / 'README.md').data
    assert (data.library_name, data.pipeline_tag, data.license) == ('ifd_zoo', 'image-segmentation', 'other')
    assert data.model_name == NAME and 'human-parsing' in data.tags
    found = {(result.dataset_type, result.metric_name): result.metric_value for result in data.eval_results}
    assert found == {
        ('rendered', 'mean IoU, percent'): 58.27, ('rendered', 'clothing IoU, percent'): 86.88,
        ('rendered', 'skin IoU, percent'): 60.0,
        ('photos', 'mean IoU, percent'): 40.0, ('photos', 'clothing IoU, percent'): 79.83,
    }  # fmt: skip


def test_a_parser_with_detail_is_released_and_says_so(tmp_path):
    save_parser(make_parser(detail=8), tmp_path, CONFIG | {'detail': 8})
    assert 'as released' in check_release(tmp_path)
    assert 'decoder of width 8, stage of width 8 at full resolution' in (tmp_path / 'README.md').read_text()
    assert len(np.unique(parsed(tmp_path))) > 3
    write_config(tmp_path, config_of(tmp_path) | {'detail': 0})
    with pytest.raises(ParserError, match='does not fit the network.*detail'):
        load_parser(tmp_path)


def test_the_card_says_what_a_reader_has_to_know(saved):
    text = (saved / 'README.md').read_text()
    for part in (
        f"load_parser('hf-hub:ORG/{NAME}')", f'hf download ORG/{NAME} --local-dir DIR', '0 background, 1 hair',
        '`python train/parser.py --seed 7`', 'rendered people (4 to train, 3 to measure)', 'seed: not recorded',
        '| hair | 67.2 | 47.5 |', '| coat | 38.0 | - |', 'Sees no hats.', '## Responsible use', '64x32',
    ):
        assert part in text, part


def test_a_card_without_records_says_so(release, capsys):
    bare = {key: config_of(release)[key] for key in ('backbone', 'width', 'labels')}
    write_config(release, {**bare, 'size': [64, 32], 'tag': 'v2', 'license': 'mit'})
    assert main(['card', str(release)]) == 0
    card = ModelCard.load(release / 'README.md')
    assert 'command: not recorded' in card.text and 'Nothing.' in card.text
    assert (card.data.model_name, card.data.license) == (f'{NAME}.v2', 'mit')
    assert main(['push', str(release), '--org', 'zoo', '--dry-run']) == 0
    assert f'would push to zoo/{NAME}.v2 ' in capsys.readouterr().out


def test_the_bundled_parser_can_be_saved_as_a_release(tmp_path, capsys):
    folder = tmp_path / 'bundled'
    assert main(['save', '--parser', 'bundled', '--output', str(folder)]) == 0
    assert load_parser(folder).identify() == load_parser('bundled').identify()
    assert load_parser(folder).config['command'] == load_parser('bundled').config['command']
    assert main(['check', str(folder)]) == 0
    assert 'label maps within' in capsys.readouterr().out
    assert (folder / 'golden.safetensors').stat().st_size < 400_000


@pytest.mark.parametrize('flags, words', [
    (['--parser', 'none'], 'only zoo parsers can be released'),
    (['--parser', 'nowhere'], 'unknown parser'),
])  # fmt: skip
def test_what_cannot_be_saved_is_a_one_line_error(tmp_path, capsys, flags, words):
    assert main(['save', *flags, '--output', str(tmp_path)]) == 2
    assert_one_line(capsys.readouterr().err, words)


@pytest.mark.parametrize('entry, message', [('probabilities', 'probabilities by'), ('label_maps', 'label maps by')])
def test_check_finds_a_parser_that_answers_differently(release, entry, message):
    golden = load_file(release / 'golden.safetensors')
    golden[entry][0, 0] = golden[entry][0, 0] * 0 + 13
    save_file(golden, release / 'golden.safetensors')
    with pytest.raises(ReleaseError, match='golden.safetensors: not the file whose SHA-256'):
        check_release(release)
    hashes = {name: hash_file(release / name) for name in ('model.safetensors', 'golden.safetensors')}
    write_config(release, config_of(release) | {'sha256': hashes})
    with pytest.raises(ReleaseError, match=f'differs from golden.safetensors: {message}'):
        check_release(release)


def test_a_folder_of_an_earlier_version_loads_and_is_no_release(release):
    expected = parsed(release)
    write_config(release, config_of(release) | {'sha256': {}})
    (release / 'README.md').unlink()
    (release / 'golden.safetensors').unlink()
    assert (parsed(release) == expected).all()
    with pytest.raises(ReleaseError, match='no README.md, golden.safetensors; .* save'):
        check_release(release)


def test_a_pickle_is_refused_with_the_line_that_converts_it(release):
    torch.save(load_file(release / 'model.safetensors'), release / 'model.pth')
    (release / 'model.safetensors').unlink()
    with pytest.raises(ParserError, match='model.pth is a pickle.*convert it: python -c'):
        load_parser(release)


def test_an_unavailable_parser_is_a_one_line_error(hub, pushed, tmp_path, capsys):
    with pytest.raises(ParserError) as error:
        load_parser(f'{SOURCE}@v9')
    assert_one_line(f'{error.value}\n', f'{SOURCE}@v9: {REPO} has no such revision')
    flags = ['--parser', f'{SOURCE}@v9', '--root', str(tmp_path), '--output', str(tmp_path / 'maps')]
    assert parse(flags) == 2
    assert_one_line(capsys.readouterr().err, 'has no such revision')


def test_a_parser_is_no_model_and_the_error_says_what_is_missing(hub, pushed):
    with pytest.raises(LoadError, match='it lacks architecture, pretrained_cfg'):
        load_model(SOURCE)


def test_records_and_label_maps_name_the_repository(hub, pushed, tmp_path):
    name = f'{SOURCE}@{pushed}'
    root, output = write_folder_tree(tmp_path / 'data', train=2, test=1, views=2), tmp_path / 'maps'
    assert parse(['--parser', name, '--root', str(root), '--output', str(output), '--device', 'cpu']) == 0
    assert json.loads((output / 'masks.json').read_text())['name'] == name
    identity = load_parser(name).identify()
    for masks in (name, output):
        assert MaskSource(masks).name.startswith(f'{name} ({identity}')
    assert Config(root=root, output=output, masks=name).to_record()['masks'] == name
