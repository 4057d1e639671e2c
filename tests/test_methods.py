"""Every method of another paper is trained, resumed, released, measured and listed as IFD is."""

import json
import shutil

import pytest
import torch

from eval import run as eval_run
from ifd_zoo.__main__ import main
from ifd_zoo.common.variants import VARIANTS
from ifd_zoo.hub import load_model
from ifd_zoo.hub.check import check_release
from ifd_zoo.models.features import embedding_size, feature_name
from ifd_zoo.models.inference import infer
from tests.training import arguments, metrics
from tests.trees import write_folder_tree, write_ltcc_tree, write_prcc_tree
from train import checkpoint
from train import run as train_run
from train.build import build_model, input_size
from train.flags import parse_args
from train.schedule import learning_rate_factor

METHODS = [name for name, variant in VARIANTS.items() if variant.reference]


@pytest.fixture(scope='module', params=METHODS)
def method(request):
    return request.param


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def run(method, root, tmp_path_factory):
    """The smallest run of a recipe, with a checkpoint of every batch."""
    folder = tmp_path_factory.mktemp(method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, 'KEPT', 100)
        assert train_run.main(flags(method, root, folder)) == 0
    return folder


def flags(method, root, output, *more):
    # A backbone of 0.2 million weights: AIM has large layers on top of a wide one.
    small = '--backbone test_efficientnet --crop 1 --checkpoint-steps 1 --picture-epochs 0'
    return arguments(root, output, '--recipe', method, *small.split(), *more)


def test_a_resumed_method_ends_in_the_same_weights(method, run, root, tmp_path):
    paths = checkpoint.Checkpoints(run / 'checkpoints').paths()
    (path,) = [path for path in paths if 'epoch0001-step000001' in path.name]
    (tmp_path / 'checkpoints').mkdir()
    shutil.copy(path, tmp_path / 'checkpoints')
    assert train_run.main(flags(method, root, tmp_path, '--resume')) == 0
    first, second = ((folder / 'release/model.safetensors').read_bytes() for folder in (run, tmp_path))
    assert first == second
    assert metrics(run)[-1]['losses'] == metrics(tmp_path)[-1]['losses']


def test_a_methods_release_is_whole_names_its_paper_and_evaluates_to_its_figures(method, run, root, tmp_path):
    assert 'as released' in check_release(run / 'release')
    model, config = load_model(run / 'release'), json.loads((run / 'release/config.json').read_text())
    assert config['architecture'].startswith(VARIANTS[method].prefix)
    embedding = infer(model, *[torch.randn(2, 3, 64, 32)] * 2).embedding
    assert embedding.shape == (2, embedding_size(model))
    assert torch.allclose(embedding.norm(dim=1), torch.ones(2)) and not torch.allclose(*embedding)
    card, reference = (run / 'release/README.md').read_text(), VARIANTS[method].reference
    assert f'The method is {VARIANTS[method].label}, of the paper cited below.' in card
    assert f'Cite the paper: {reference}.' in card and 'it needs no clothing mask' in card
    options = ['--root', str(root), '--output', str(tmp_path), '--workers', '0']
    assert eval_run.main(['--model', str(run / 'release'), *options]) == 0
    report = json.loads((tmp_path / 'figures.json').read_text())
    assert report['coverage'] is None and config['ifd']['data']['masks'] is None
    assert [row['mode'] for row in report['protocols']] == ['general', 'cc', 'sc']
    for now, then in zip(report['protocols'], config['ifd']['figures'], strict=True):
        assert now == pytest.approx(then)


def test_the_recipe_of_the_transformer_trains_a_transformer(root, tmp_path):
    assert train_run.main(flags('transreid', root, tmp_path, '--backbone', 'test_vit', '--epochs', '1')) == 0
    assert metrics(tmp_path)[-1]['losses'].keys() == {'id_main', 'triplet'}
    model = load_model(tmp_path / 'release')
    assert model.pretrained_cfg['architecture'] == 'ifd_baseline_resnet50' and feature_name(model) == 'pooled'
    assert model.main_stream.backbone.name == 'test_vit' and model.pretrained_cfg['tag'] == 'test_vit_folder'


RECIPES = {
    'pcb': 'ifd_pcb_resnet50 sgd 0.1 60 64 384x128',
    'cal': 'ifd_cal_resnet50 adam 0.00035 60 64 384x192',
    'aim': 'ifd_aim_resnet50 adam 0.00035 60 32 384x192',
    'transreid': 'ifd_baseline_vit_small_patch14_dinov2 sgd 0.008 120 64 252x126',
}
"""Architecture, optimiser, rate, epochs, images in a batch, and size."""


def test_a_recipe_has_the_settings_of_its_paper(method):
    config, _ = parse_args(['--recipe', method, '--root', 'DIR', '--output', 'DIR'])
    with torch.device('meta'):
        height, width = input_size(build_model(config, 2), config)
    images = config.num_pids * config.num_images
    setting = f'{config.model} {config.optimizer} {config.lr:g} {config.epochs} {images} {height}x{width}'
    assert setting == RECIPES[method] and config.sampler == 'pk' and config.backbone_weights == 'imagenet'
    rates = [learning_rate_factor(epoch, config.epochs, config, config.lr_drops) for epoch in (6, 19, 20, 39, 40, 59)]
    steps = {'pcb': [1, 1, 1, 1, 0.1, 0.1], 'cal': [1, 1, 0.1, 0.1, 0.01, 0.01], 'aim': [1, 1, 0.1, 0.1, 0.01, 0.01]}
    assert rates == pytest.approx(steps[method]) if method in steps else rates == sorted(rates, reverse=True)


# CAL and AIM learn from outfits, in the same way.
LAYOUTS = {'pcb': 'prcc', 'cal': 'ltcc', 'aim': 'prcc', 'transreid': 'ltcc'}


@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
def test_a_methods_recipe_trains_on_the_exact_layouts(method, tmp_path):
    data = LAYOUTS[method]
    root = {'prcc': write_prcc_tree, 'ltcc': write_ltcc_tree}[data](tmp_path / 'data')
    assert train_run.main(flags(method, root, tmp_path / 'run', '--data', data, '--num-pids', '2')) == 0
    figures = json.loads((tmp_path / 'run/release/config.json').read_text())['ifd']['figures']
    assert {row['mode'] for row in figures} >= {'cc'} and not list(tmp_path.rglob('maps'))


def test_the_runs_of_a_methods_recipe_are_listed_with_their_command(method, capsys):
    variant = VARIANTS[method]
    architecture = parse_args(['--recipe', method, '--root', 'DIR', '--output', 'DIR'])[0].model
    assert main(['list', f'{architecture}.*', '--json']) == 0
    entries = {entry['name']: entry for entry in json.loads(capsys.readouterr().out)}
    for data in ('prcc', 'ltcc'):
        tag = data if variant.family == method else f'{method}_{data}'
        command = entries[f'{architecture}.{tag}']['command']
        assert command.startswith(f'python train/run.py --recipe {method} --data {data} ')
        config, _ = parse_args(command.split()[2:])
        assert (config.variant, config.model, config.tag or config.data) == (method, architecture, tag)
