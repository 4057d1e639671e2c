"""`eval/extract.py` on several processes and machines: the bytes of one process, whatever happens to the others."""

import os
import signal
import time

import pytest
import torch

from eval import extract as eval_extract
from tests.extraction import flags
from tests.launching import free_port, launch, launch_once, processes_with
from tests.trees import write_folder_tree

SCRIPT = 'eval/extract.py'


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A data set of 23 images without label maps, and the file that one process of one thread makes of it."""
    root = write_folder_tree(tmp_path_factory.mktemp('data'), train=3, test=1, views=3)
    (root / 'gallery/0003/1/c3_2.jpg').unlink()
    output, threads = tmp_path_factory.mktemp('out') / 'one', torch.get_num_threads()
    torch.set_num_threads(1)
    assert eval_extract.main(bundled(root, output)) == 0
    torch.set_num_threads(threads)
    return root, output.read_bytes()


def bundled(root, output):
    return flags(root, output, '--masks', 'bundled')


def test_two_processes_write_the_bytes_of_one_and_do_nothing_when_called_again(finished, tmp_path):
    root, whole = finished
    output = tmp_path / 'two'
    assert launch_once(SCRIPT, *bundled(root, output)).count('23 embeddings of length 512; no image left out') == 1
    assert output.read_bytes() == whole and [path.name for path in tmp_path.iterdir()] == ['two']
    stamp = output.stat().st_mtime_ns
    assert f'{output}: there already with 23 embeddings' in launch_once(SCRIPT, *bundled(root, output))
    assert output.stat().st_mtime_ns == stamp and [path.name for path in tmp_path.iterdir()] == ['two']


def test_two_machines_that_share_a_folder_write_the_bytes_of_one(finished, tmp_path):
    root, whole = finished
    port = free_port()
    command = [SCRIPT, *bundled(root, tmp_path / 'two')]
    machines = [launch(*command, port=port, machine=number, machines=2) for number in range(2)]
    printed, errors = zip(*(machine.communicate(timeout=300) for machine in machines), strict=True)
    assert [machine.returncode for machine in machines] == [0, 0], errors
    assert '23 embeddings' in printed[0] and printed[1] == ''
    assert (tmp_path / 'two').read_bytes() == whole and not (tmp_path / 'two.parts').exists()


def test_one_process_killed_stops_the_other_and_the_next_run_goes_on(finished, tmp_path):
    root, whole = finished
    output, parts = tmp_path / 'two', tmp_path / 'two.parts'
    process = launch(SCRIPT, *bundled(root, output), port=free_port())
    while process.poll() is None and not (parts / '000000.safetensors').exists():  # by the main process
        time.sleep(0.005)
    os.kill(processes_with(str(output))[-1], signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode != 0 and not output.exists() and 'SIGKILL' in errors
    second = launch(SCRIPT, *bundled(root, output), port=free_port())
    _, errors = second.communicate(timeout=300)
    assert second.returncode == 0 and 'parts are there already' in errors
    assert output.read_bytes() == whole and not parts.exists()


def test_a_file_of_other_images_is_replaced(finished, tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=1, test=1, views=2)
    output = tmp_path / 'out'
    for word in ('8 embeddings', 'there already with 8'):
        assert eval_extract.main(flags(root, output)) == 0
        assert word in capsys.readouterr().out
    os.utime(root / 'train/0000/0/c0_0.jpg')
    output.write_bytes(output.read_bytes()[:-1])  # torn
    for _ in range(2):
        assert eval_extract.main(flags(root, output)) == 0
    assert 'there already' in capsys.readouterr().out


def test_a_finished_file_that_lacks_an_image_is_not_enough_for_a_run_that_is_to_stop(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=1, test=1, views=2)
    (root / 'train/0000/0/c0_0.jpg').write_bytes(b'')
    output = tmp_path / 'out'
    for word in ('7 embeddings', 'there already with 7 embeddings, 1 images left out'):
        assert eval_extract.main(flags(root, output, '--on-error', 'skip')) == 0
        assert word in capsys.readouterr().out
    assert eval_extract.main(flags(root, output)) == 2
    assert 'c0_0.jpg: image cannot be read' in capsys.readouterr().err
