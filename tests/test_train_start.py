"""What a run starts from (a trained model, any backbone of timm), and runs that are trained for longer."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from ifd_zoo.hub import load_model
from ifd_zoo.hub.check import check_release
from tests.training import arguments, metrics
from tests.trees import write_folder_tree
from train import run as train_run
from train.build import build_model
from train.flags import parse_args
from train.start import load_trained

NAME = 'ifd_resnet50.test_resnet_folder'
FIRST, SECOND = 'main_stream.backbone.net.conv1.0.weight', 'attention_stream.backbone.net.conv1.0.weight'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def first(root, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp('first')
    assert train_run.main(arguments(root, folder, '--epochs', '1')) == 0
    return folder


@pytest.fixture(scope='module')
def continued(root, first, tmp_path_factory):
    """A run that starts from it, on the same images, and changes next to nothing."""
    folder = tmp_path_factory.mktemp('continued')
    assert train_run.main(continue_from(first, root, folder)) == 0
    return folder


def continue_from(first, root, output):
    return arguments(root, output, '--epochs', '1', '--stage1-epochs', '0', '--lr', '1e-9', '--init', str(first))


def record(folder):
    return json.loads((folder / 'release' / 'config.json').read_text())['ifd']


def test_a_run_starts_from_all_but_the_classifiers_of_a_trained_model(root, first, tmp_path):
    trained = load_model(first / 'release').state_dict()
    for source in (first, first / 'release', first / 'release' / 'model.safetensors'):
        config, _ = parse_args([*arguments(root, tmp_path), '--init', str(source)])
        model = build_model(config, 6)
        fresh = {name: value.clone() for name, value in model.state_dict().items()}
        load_trained(model, config.init)
        for name, value in model.state_dict().items():
            expected = fresh[name] if '.classifier.' in name else trained[name]
            assert torch.equal(value, expected), name


def test_the_classifiers_of_a_run_on_the_same_images_are_kept(root, first, continued, tmp_path):
    assert f'all: weights of {NAME}' in (continued / 'log.txt').read_text()
    others = shutil.copytree(root, tmp_path / 'others')
    first_image = min((others / 'train').rglob('*.jpg'))
    first_image.write_bytes(first_image.read_bytes() + b' ')
    assert train_run.main(continue_from(first, others, tmp_path / 'run')) == 0
    assert 'all but the classifiers' in (tmp_path / 'run/log.txt').read_text()
    before, same, other = (
        torch.load(max((folder / 'checkpoints').iterdir()), weights_only=True)['model']
        for folder in (first, continued, tmp_path / 'run')
    )
    names = [name for name in before if '.classifier.' in name]
    assert names and all(torch.allclose(same[name], before[name], atol=1e-6) for name in names)
    assert not any(torch.allclose(other[name], before[name], atol=1e-6) for name in names)


def test_the_release_says_what_it_started_from(root, first, continued, tmp_path):
    before, after = (load_model(folder / 'release').state_dict() for folder in (first, continued))
    assert torch.equal(before[FIRST], after[FIRST]) and torch.equal(before[SECOND], after[SECOND])
    training = record(continued)['training']
    init = training['history']['init']
    assert init['name'] == NAME and init['command'] == record(first)['command']
    assert training['init'] == first.name and str(first) not in (continued / 'release' / 'config.json').read_text()
    card = (continued / 'release' / 'README.md').read_text()
    assert f'- started from: {init["name"]} (SHA-256 {init["sha256"][:12]}...), `{init["command"]}`' in card
    run = shutil.copytree(continued, tmp_path / 'run', ignore=shutil.ignore_patterns('release'))
    assert train_run.main([*continue_from(first, root, run), '--resume']) == 0
    assert record(run)['training']['history']['init'] == init


def test_a_name_of_the_zoo_takes_the_place_of_the_weights_of_the_recipe(root, tmp_path):
    config, _ = parse_args('--recipe synthetic --init ifd_resnet10t.synthetic --root DIR --output DIR'.split())
    assert config.backbone_weights == 'none' and config.to_record()['init'] == 'ifd_resnet10t.synthetic'
    model = build_model(config, 3)
    assert load_trained(model, config.init)['name'] == 'ifd_resnet10t.synthetic'
    assert torch.equal(model.state_dict()[SECOND], load_model('ifd_resnet10t.synthetic').state_dict()[SECOND])


@pytest.mark.parametrize('flags, words', [
    (['--init', 'nothing'], ["init: no trained model 'nothing'"]),
    (['--init', 'ifd_baseline_resnet10t.synthetic'], ['missing: attention_stream', 'give the --variant']),
    (['--init', 'ifd_resnet10t.synthetic', '--backbone-weights', 'parser'], ['leave --backbone-weights out']),
])
def test_a_trained_model_that_cannot_be_started_from_is_named(flags, words, root, tmp_path, capsys):
    own = ['--backbone', 'resnet10t', '--backbone-weights', 'none']
    assert train_run.main([*arguments(root, tmp_path), *own, *flags]) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in ['error: init: ', *words]) and 'Traceback' not in error


def test_for_a_release_given_as_backbone_weights_the_error_names_the_right_flag(root, first, tmp_path, capsys):
    weights = first / 'release' / 'model.safetensors'
    assert train_run.main(arguments(root, tmp_path, '--backbone-weights', str(weights))) == 2
    error = capsys.readouterr().err
    assert 'a trained model of the zoo with --init' in error and 'connect' not in error


def test_any_backbone_of_timm_is_trained_and_released(root, tmp_path):
    flags = ['--epochs', '1', '--backbone', 'test_resnet.r160_in1k']
    assert train_run.main(arguments(root, tmp_path, *flags)) == 0
    release = tmp_path / 'release'
    config = json.loads((release / 'config.json').read_text())
    assert config['architecture'] == 'ifd_resnet50'
    assert config['pretrained_cfg']['tag'] == 'test_resnet_r160_in1k_folder'
    assert load_model(release).main_stream.backbone.name == 'test_resnet.r160_in1k'
    assert 'as released' in check_release(release)
    assert '--backbone test_resnet.r160_in1k' in config['ifd']['command']


@pytest.mark.parametrize('flags, words', [
    (['--backbone', 'densenet121'], 'try last_stride=2'),
    (['--backbone', 'mambaout_femto', '--last-stride', '2'], 'its last feature map is (1, 2, 1, 288)'),
    (['--backbone', 'swin_tiny_patch4_window7_224', '--last-stride', '2'], "Input height (64) doesn't match"),
])
def test_a_backbone_without_a_feature_map_is_refused(flags, words, root, tmp_path, capsys):
    assert train_run.main(arguments(root, tmp_path, *flags)) == 2
    error = capsys.readouterr().err
    assert f'error: backbone: {flags[1]!r} cannot be used' in error and words in error


def test_a_finished_run_is_trained_for_more_epochs(root, first, tmp_path, capsys):
    run = Path(shutil.copytree(first, tmp_path / 'run'))
    assert train_run.main(arguments(root, run, '--epochs', '2', '--resume')) == 2
    assert 'made with different epochs; give the same flags; for more epochs, give --extend' in capsys.readouterr().err
    assert train_run.main(arguments(root, run, '--epochs', '1', '--extend')) == 2
    assert 'a run of 1 epochs; give more --epochs to extend it' in capsys.readouterr().err
    for epochs in ('2', '3'):
        assert train_run.main(arguments(root, run, '--epochs', epochs, '--extend')) == 0
    assert [(row['stage'], row['epoch']) for row in metrics(run)] == [(1, 1), (2, 1), (2, 2), (2, 3)]
    assert metrics(run)[:2] == metrics(first)
    training = record(run)['training']
    assert training['epochs'] == 3 and training['history'] == {'extended_from': [1, 2]}
    assert '- extended: from 1, 2 to 3 epochs' in (run / 'release' / 'README.md').read_text()
    assert train_run.main(arguments(root, run, '--epochs', '3', '--resume')) == 0


def test_extending_differs_in_nothing_else_and_needs_a_run(root, first, tmp_path, capsys):
    run = shutil.copytree(first, tmp_path / 'run')
    assert train_run.main(arguments(root, run, '--epochs', '2', '--lr', '1', '--extend')) == 2
    assert 'made with different lr' in capsys.readouterr().err
    assert train_run.main(arguments(root, tmp_path / 'new', '--extend')) == 2
    assert 'nothing to extend' in capsys.readouterr().err
