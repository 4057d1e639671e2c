"""Checkpoints: the last two are kept, each is written whole or not at all, and damaged files are recognised."""

import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from train.checkpoint import CheckpointError, Checkpoints

REPOSITORY = Path(__file__).parents[1]


def state(epoch, stage=1, step=0):
    return {'stage': stage, 'epoch': epoch, 'step': step, 'weights': torch.full((100,), float(epoch))}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / 'checkpoints')


def load(checkpoints):
    messages = []
    return checkpoints.load(messages.append), messages


def test_nothing_saved_yet_is_no_error(checkpoints):
    assert load(checkpoints) == (None, [])


def test_the_newest_state_comes_back_and_the_last_two_are_kept(checkpoints):
    for position in ((1, 1, 9), (1, 1, 10), (1, 10, 0), (2, 0, 5)):
        checkpoints.save(state(position[1], position[0], position[2]))
    got, messages = load(checkpoints)
    assert (got['stage'], got['epoch'], got['step']) == (2, 0, 5) and not messages
    assert [path.name[:24] for path in checkpoints.paths()] == ['stage2-epoch0000-step000', 'stage1-epoch0010-step000']
    assert len(list(checkpoints.folder.iterdir())) == 2


@pytest.mark.parametrize('damage', ['cut', 'empty', 'one bit'])
def test_a_torn_file_is_named_and_the_one_before_is_used(damage, checkpoints):
    checkpoints.save(state(1))
    newest = checkpoints.save(state(2))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({'cut': content[:700], 'empty': b'', 'one bit': content}[damage])
    got, messages = load(checkpoints)
    assert got['epoch'] == 1 and torch.equal(got['weights'], torch.full((100,), 1.0))
    assert len(messages) == 1 and newest.name in messages[0]


def test_no_good_file_among_several_is_an_error_and_no_fresh_start(checkpoints):
    for epoch in (1, 2):
        checkpoints.save(state(epoch)).write_bytes(b'torn')
    with pytest.raises(CheckpointError, match='no checkpoint is intact'):
        load(checkpoints)


def test_what_a_kill_left_half_written_is_not_looked_at(checkpoints):
    checkpoints.save(state(1))
    (checkpoints.folder / 'saving.tmp').write_bytes(b'half')
    assert load(checkpoints)[0]['epoch'] == 1
    checkpoints.save(state(2))
    assert not (checkpoints.folder / 'saving.tmp').exists()


@contextmanager
def full_disk():
    """The system refuses to write long files, as it does all files when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_clear_error_that_leaves_the_last_good_checkpoint(checkpoints):
    checkpoints.save(state(1))
    with full_disk(), pytest.raises(CheckpointError) as caught:
        checkpoints.save({**state(2), 'weights': torch.zeros(1_000_000)})
    message = str(caught.value)
    assert 'cannot be written (' in message and 'too large' in message and '--resume' in message
    assert '\n' not in message
    assert load(checkpoints)[0]['epoch'] == 1
    assert len(list(checkpoints.folder.iterdir())) == 1


def test_a_folder_is_claimed_by_one_process_until_it_ends(checkpoints):
    code = (
        'import sys; from pathlib import Path; from train.checkpoint import Checkpoints;'
        'there = Checkpoints(Path(sys.argv[1])); there.claim(); print("claimed", flush=True); sys.stdin.read()'
    )
    command = [sys.executable, '-c', code, str(checkpoints.folder)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'claimed\n'
        with pytest.raises(CheckpointError, match=f'{checkpoints.folder.parent}: another process is training here'):
            checkpoints.claim()
        other.kill()
    checkpoints.claim()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(CheckpointError, match='file'):
        Checkpoints(tmp_path / 'file').save(state(1))
