"""`train/run.py` and `eval/run.py` as a user runs them, on a tiny tree."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from eval import run as eval_run
from ifd_zoo.hub import load_model
from tests.trees import write_folder_tree
from train import run as train_run
from train.config import RECIPES, Config, parse_args, to_flags
from train.engine import learning_rate_factor

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = '--size 64x32 --num-pids 3 --num-images 4 --workers 0 --no-imagenet --stage1-epochs 1 --epochs 2'.split()


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


def arguments(root, output, recipe='ifd', model=None, *more):
    model = model or ('ifd_resnet10t' if RECIPES[recipe]['streams'] == 2 else 'ifd_baseline_resnet10t')
    return ['--root', str(root), '--output', str(output), '--recipe', recipe, '--model', model, *SMALL, *more]


@pytest.mark.parametrize('recipe', RECIPES)
def test_each_recipe_trains_and_leaves_a_release_that_evaluates(recipe, root, tmp_path, capsys):
    assert train_run.main(arguments(root, tmp_path / 'run', recipe)) == 0
    release = tmp_path / 'run' / 'release'
    info = json.loads((release / 'config.json').read_text())['ifd']
    assert [row['mode'] for row in info['figures']] == ['general', 'cc', 'sc']
    assert info['data']['train_pids'] == 6 and info['training']['seed'] == 0
    assert str(root) not in (release / 'config.json').read_text()

    options = ['--root', str(root), '--output', str(tmp_path), '--workers', '0']
    assert eval_run.main(['--model', str(release), *options]) == 0
    figures = json.loads((tmp_path / 'figures.json').read_text())['protocols']
    # The release is fp16, the figures of training come from fp32: ranks may move a little, sizes may not.
    for now, then in zip(figures, info['figures'], strict=True):
        assert now['valid_queries'] == then['valid_queries'] and abs(now['mAP'] - then['mAP']) < 5
    assert '| cc |' in capsys.readouterr().out


def test_losses_of_each_stage_and_recipe_are_logged(root, tmp_path):
    train_run.main(arguments(root, tmp_path, 'ifd'))
    lines = (tmp_path / 'log.txt').read_text().splitlines()
    assert lines[0].startswith('stage 1 epoch 1/1  id_attention') and 'lr 3.50e-04' in lines[0]
    assert all(name in lines[1] for name in ('stage 2 epoch 1/2', 'id_main', 'id_attention', 'clothing'))


def test_training_lowers_the_loss(root, tmp_path):
    fast = '--epochs 10 --lr 2e-3 --schedule cosine --erasing 0'.split()
    train_run.main(arguments(root, tmp_path, 'ifd', None, *fast))
    losses = [float(line.split('id_main ')[1].split()[0]) for line in _log(tmp_path) if 'id_main' in line]
    assert losses[-1] < 0.7 * losses[0]


def _log(folder):
    return (folder / 'log.txt').read_text().splitlines()


def test_a_killed_run_resumes_to_the_same_weights(root, tmp_path):
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    assert train_run.main(arguments(root, whole, 'ifd', None, '--epochs', '4')) == 0
    command = [sys.executable, 'train/run.py', *arguments(root, broken, 'ifd', None, '--epochs', '4')]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while not (broken / 'log.txt').exists() or len(_log(broken)) < 2 or not (broken / 'checkpoint.pt').exists():
        assert process.poll() is None and time.time() < deadline, 'the run ended before it could be killed'
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / 'release').exists(), 'the run ended before it could be killed'
    assert train_run.main([*arguments(root, broken, 'ifd', None, '--epochs', '4'), '--resume']) == 0
    assert any(line.startswith('resumed') for line in _log(broken))
    expected, got = load_model(whole / 'release').state_dict(), load_model(broken / 'release').state_dict()
    assert all(torch.equal(expected[key], got[key]) for key in expected)


def test_resuming_with_other_flags_or_a_torn_checkpoint_is_refused(root, tmp_path, capsys):
    train_run.main(arguments(root, tmp_path))
    assert train_run.main([*arguments(root, tmp_path, 'ifd', None, '--lr', '1'), '--resume']) == 2
    assert 'another lr' in capsys.readouterr().err
    checkpoint = tmp_path / 'checkpoint.pt'
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert train_run.main([*arguments(root, tmp_path), '--resume']) == 2
    assert 'damaged checkpoint' in capsys.readouterr().err


def test_bf16_trains_too(root, tmp_path):
    assert train_run.main(arguments(root, tmp_path, 'ifd', None, '--precision', 'bf16')) == 0


@pytest.mark.parametrize(
    'more, word',
    [
        (['--epochs', '0'], 'epochs'),
        (['--tau', '-1'], 'tau'),
        (['--size', 'big'], '--size'),
        (['--mask-classes', 'trousers'], 'mask_classes'),
        (['--streams', '1'], 'streams'),
        (['--learning-rate', '1'], '--learning-rate'),
        (['--recipe', 'idf'], '--recipe'),
    ],
)
def test_impossible_flags_stop_the_run_with_the_name_of_the_field(more, word, root, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        train_run.main(arguments(root, tmp_path, 'ifd', None, *more))
    assert stop.value.code == 2 and word in capsys.readouterr().err


@pytest.mark.parametrize(
    'recipe, model, word',
    [
        ('ifd', 'ifd_baseline_resnet18', 'stream'),
        ('baseline', 'ifd_resnet18', 'stream'),
        ('ifd', 'ifd_resnet1', 'known'),
    ],
)
def test_a_model_that_does_not_fit_the_recipe_is_refused(recipe, model, word, root, tmp_path, capsys):
    assert train_run.main(arguments(root, tmp_path, recipe, model)) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    'flags, word',
    [
        (['--num-pids', '64'], 'num_pids'),
        (['--device', 'cuda:99'], 'cuda:99'),
        (['--output', __file__], 'output'),
        (['--imagenet'], 'imagenet'),  # the tests have no network
    ],
)
def test_what_a_run_cannot_have_is_named_without_a_stack_trace(flags, word, root, tmp_path, capsys):
    assert train_run.main(arguments(root, tmp_path, 'ifd', None, *flags)) == 2
    error = capsys.readouterr().err
    assert error.startswith('error:') and word in error


def test_missing_data_and_missing_masks_are_named(root, tmp_path, capsys):
    assert train_run.main(arguments(tmp_path / 'nowhere', tmp_path / 'a')) == 2
    assert 'nowhere' in capsys.readouterr().err
    bare = shutil.copytree(root, tmp_path / 'bare', ignore=shutil.ignore_patterns('parsing'))
    assert train_run.main(arguments(bare, tmp_path / 'b')) == 2
    assert 'label map' in capsys.readouterr().err


def test_the_recorded_command_gives_the_same_config_again():
    flags = '--recipe ifd --model ifd_resnet18 --size 128x64 --no-imagenet --lr 0.001 --fill mean --lr-drops 0.5,0.9'
    config, _ = parse_args([*flags.split(), '--root', 'DIR', '--output', 'DIR'])
    assert parse_args(to_flags(config))[0] == config


def test_learning_rate_schedules():
    def rates(**options):
        config = Config(root='x', output='x', **options)
        return [learning_rate_factor(epoch, 60, config, config.lr_drops) for epoch in (0, 19, 20, 40, 59)]

    assert rates() == pytest.approx([1, 1, 0.1, 0.01, 0.01])
    cosine = rates(schedule='cosine', warmup_epochs=10)
    assert cosine[0] == pytest.approx(0.1) and cosine == sorted(cosine[:1]) + sorted(cosine[1:], reverse=True)


def test_evaluation_names_what_is_wrong(root, tmp_path, capsys):
    assert eval_run.main(['--model', 'nothing', '--root', str(root)]) == 2
    assert 'nothing' in capsys.readouterr().err
