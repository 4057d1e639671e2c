"""A run that was stopped anywhere ends in the weights of the run that was not."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ifd_zoo.hub import load_model
from tests import training
from tests.trees import write_folder_tree
from train import checkpoint
from train import run as train_run

REPOSITORY = Path(__file__).resolve().parents[1]
EVERY_STEP = ('--checkpoint-steps', '1', '--picture-epochs', '0')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def whole(root, tmp_path_factory):
    """An uninterrupted run that kept every checkpoint, resumed from nothing."""
    folder = tmp_path_factory.mktemp('whole')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, 'KEPT', 100)
        assert train_run.main(arguments(root, folder, '--resume')) == 0
    return folder


def arguments(root, output, *more):
    return training.arguments(root, output, *EVERY_STEP, *more)


def resume_from(path, root, folder, *more):
    """Resume a run of which only this checkpoint and the metrics beside it are left."""
    (folder / 'checkpoints').mkdir(parents=True)
    shutil.copy(path, folder / 'checkpoints')
    shutil.copy(path.parents[1] / 'metrics.jsonl', folder)
    assert train_run.main(arguments(root, folder, *more, '--resume')) == 0


def weights(folder):
    return (folder / 'release' / 'model.safetensors').read_bytes()


def seconds(folder):
    return json.loads((folder / 'release' / 'config.json').read_text())['ifd']['training']['seconds']


def losses(folder):
    rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return [(row['stage'], row['epoch'], row['losses']) for row in rows]


def test_resuming_where_nothing_was_saved_starts_from_the_beginning_and_every_batch_has_its_checkpoint(whole):
    assert 'starting from the beginning' in (whole / 'log.txt').read_text()
    names = [path.name[:24] for path in checkpoint.Checkpoints(whole / 'checkpoints').paths()]
    assert len(names) == 9 and names[0].startswith('stage2-epoch0002-step000')


def test_from_every_kind_of_checkpoint_a_run_ends_in_the_same_weights(root, whole, tmp_path):
    paths = checkpoint.Checkpoints(whole / 'checkpoints').paths()
    # The second batch of an epoch is resumed from below, after a torn checkpoint; batches of both epochs are alike.
    kinds = [path for path in paths if '-step000002-' not in path.name and 'stage2-epoch0000' not in path.name]
    assert len(kinds) == 5
    for number, path in enumerate(kinds):
        broken = tmp_path / str(number)
        resume_from(path, root, broken)
        assert weights(broken) == weights(whole), path.name
        assert losses(broken) == losses(whole), path.name
        state = torch.load(path, weights_only=True)
        if state['step']:
            rows = [json.loads(line) for line in (broken / 'metrics.jsonl').read_text().splitlines()]
            row = next(row for row in rows if (row['stage'], row['epoch']) == (state['stage'], state['epoch'] + 1))
            assert row['seconds'] > state['seconds'] > 0 and row['waited_seconds'] >= state['waited']
    assert seconds(tmp_path / '0') == seconds(whole)  # nothing was left to train: the time is of the first sitting


def test_a_run_killed_in_the_middle_of_an_epoch_resumes_to_the_same_weights(root, whole, tmp_path):
    # With processes that load images, which must not change the batches.
    command = [sys.executable, 'train/run.py', *arguments(root, tmp_path, '--workers', '2')]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 240
    while not list((tmp_path / 'checkpoints').glob('stage2-epoch????-step00000[12]-*')):
        assert process.poll() is None and time.time() < deadline, 'the run ended before it could be killed'
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / 'release').exists(), 'the run ended before it could be killed'
    assert train_run.main(arguments(root, tmp_path, '--resume')) == 0
    assert 'resumed after stage 2' in (tmp_path / 'log.txt').read_text()
    assert weights(tmp_path) == weights(whole) and losses(tmp_path) == losses(whole)


def test_accumulated_batches_resume_to_the_same_weights(root, tmp_path):
    flags = ['--accumulate', '2', '--variant', 'baseline']
    assert train_run.main(arguments(root, tmp_path / 'whole', *flags)) == 0
    path = checkpoint.Checkpoints(tmp_path / 'whole' / 'checkpoints').paths()[-1]
    assert '-step000002-' in path.name  # never between two batches of one step
    resume_from(path, root, tmp_path / 'broken', *flags)
    assert weights(tmp_path / 'broken') == weights(tmp_path / 'whole')


def test_averaged_weights_are_those_of_a_slow_average_and_resume_to_the_same(root, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, 'KEPT', 100)
    flags = ['--ema-decay', '0.6', '--lr', '0.01']
    assert train_run.main(arguments(root, tmp_path / 'whole', *flags)) == 0
    paths = checkpoint.Checkpoints(tmp_path / 'whole' / 'checkpoints').paths()[::-1]
    states = [torch.load(path, weights_only=True) for path in paths if path.name.startswith('stage2-')]
    key = 'main_stream.backbone.net.conv1.0.weight'
    expected = states[0]['model'][key]
    for step, state in enumerate(states):
        # timm follows closely at first: 1 - step^(-2/3), and the first two steps are taken over as they are.
        decay = min(0.6, 1 - step ** (-2 / 3)) if step > 1 else 0.0
        expected = decay * expected + (1 - decay) * state['model'][key]
    assert torch.allclose(states[-1]['average'][key], expected, atol=1e-6)
    assert not torch.allclose(states[-1]['model'][key], expected, atol=1e-4)
    released = load_model(tmp_path / 'whole' / 'release').state_dict()[key]
    assert torch.equal(released, states[-1]['average'][key].half().float())
    resume_from(paths[-3], root, tmp_path / 'broken', *flags)
    assert weights(tmp_path / 'broken') == weights(tmp_path / 'whole')


def test_a_torn_checkpoint_falls_back_to_the_one_before(root, whole, tmp_path):
    shutil.copytree(whole, tmp_path / 'run', ignore=shutil.ignore_patterns('release'))
    newest, before = checkpoint.Checkpoints(tmp_path / 'run' / 'checkpoints').paths()[:2]
    newest.write_bytes(newest.read_bytes()[:1000])
    assert train_run.main(arguments(root, tmp_path / 'run', '--resume')) == 0
    log = (tmp_path / 'run' / 'log.txt').read_text()
    assert f'{newest.name}: truncated' in log and 'resumed after stage 2 epoch 1 batch 2' in log
    assert before.name.startswith('stage2-epoch0001-step000002') and weights(tmp_path / 'run') == weights(whole)


def test_resuming_with_other_flags_or_from_torn_files_alone_is_refused(root, whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / 'run')
    assert train_run.main(arguments(root, run, '--lr', '1', '--resume')) == 2
    assert 'different lr' in capsys.readouterr().err
    for path in (run / 'checkpoints').iterdir():
        path.write_bytes(b'torn')
    assert train_run.main(arguments(root, run, '--resume')) == 2
    assert 'no checkpoint is intact' in capsys.readouterr().err


def test_a_finished_run_is_not_overwritten_without_being_asked(root, whole, capsys):
    before = weights(whole)
    assert train_run.main(arguments(root, whole)) == 2
    assert '--resume' in capsys.readouterr().err and weights(whole) == before
