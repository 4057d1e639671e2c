"""Two gloo processes on one machine train as one process does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.distributed_step import one_step
from tests.trees import write_folder_tree
from train import engine
from train import run as train_run

REPOSITORY = Path(__file__).resolve().parents[1]
VARIANTS = ('ifd', 'ifd_cl')


def torchrun(*arguments):
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2', *arguments]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    return subprocess.run(
        [str(part) for part in command], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), train=8, views=4)


@pytest.fixture(scope='module')
def steps(root, tmp_path_factory):
    """A step of each variant in two processes."""
    folder = tmp_path_factory.mktemp('steps')
    done = torchrun('tests/distributed_step.py', root, folder, *VARIANTS)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize('variant', VARIANTS)
def test_two_processes_have_the_losses_and_gradients_of_one_with_all_images(variant, root, steps):
    whole = one_step(root, variant)
    for rank in range(2):
        half = torch.load(steps / f'{variant}-{rank}.pt', weights_only=True)
        assert half['images'] == whole['images'] // 2 == 32
        assert half['losses'] == pytest.approx(whole['losses'], abs=1e-5)
        assert half['gradients'].keys() == whole['gradients'].keys() and len(whole['gradients']) > 50
        for name, expected in whole['gradients'].items():
            error = (half['gradients'][name] - expected).abs().max()
            assert error < 1e-5 * max(1, expected.abs().max()), name
        assert max(gradient.abs().max() for gradient in whole['gradients'].values()) > 0.01


def test_two_processes_train_resume_and_leave_one_release(root, tmp_path):
    small = '--backbone test_resnet --backbone-weights none --size 64x32 --num-pids 4 --num-images 4 --device cpu'
    flags = [*small.split(), '--stage1-epochs', '1', '--workers', '0', '--root', root, '--output', tmp_path]
    done = torchrun('train/run.py', *flags, '--epochs', '2')
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()]
    assert [(row['stage'], row['epoch']) for row in figures] == [(1, 1), (2, 1), (2, 2)]
    assert (tmp_path / 'release' / 'model.safetensors').is_file()
    again = torchrun('train/run.py', *flags, '--epochs', '2', '--resume')
    assert again.returncode == 0 and again.stdout.count('resumed after stage 2 epoch 2') == 1, again.stderr


def test_persons_that_cannot_be_dealt_out_evenly_are_refused(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engine.Accelerator, 'num_processes', property(lambda self: 2))
    flags = ['--num-pids', '3', '--root', str(root), '--output', str(tmp_path), '--device', 'cpu']
    assert train_run.main(flags) == 2
    assert 'error: num_pids: 3 persons cannot be divided evenly among 2 processes' in capsys.readouterr().err
