"""Work on a Ray cluster of two machines: the bytes of one process, whatever happens to workers and caller."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from eval import extract as eval_extract
from ifd_zoo.common import batch_jobs
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.index import GalleryIndex, building
from ifd_zoo.index.__main__ import main as index_main
from ifd_zoo.parsing.__main__ import main as parsing_main
from tests.extraction import flags
from tests.map_folders import files
from tests.ray_work import Unequal
from tests.trees import write_folder_tree

REPOSITORY = Path(__file__).resolve().parents[1]
CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def cluster():
    """Address of two machines with a core each, as far as Ray can tell."""
    pytest.importorskip('ray', reason=f'Ray is not installed: pip install "{batch_jobs.REQUIRED}"')
    import ray
    from ray.cluster_utils import Cluster

    small = {'num_cpus': 1, 'object_store_memory': 500 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('RAY_worker_niceness', '0')  # other tests run beside these
        machines = Cluster(initialize_head=True, head_node_args={**small, 'include_dashboard': False})
        machines.add_node(**small)
        yield machines.address
        ray.shutdown()
        machines.shutdown()


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """As many threads here as an actor has cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def root(tmp_path):
    """A data set of 15 images without label maps."""
    root = write_folder_tree(tmp_path / 'data', train=3, test=1, views=2)
    (root / 'gallery/0003/1/c2_1.jpg').unlink()
    shutil.rmtree(root / 'parsing')
    return root


@pytest.mark.parametrize('fault', ['slow', 'killed'])
def test_one_of_two_workers_is_slow_or_killed_and_all_is_done_once(cluster, tmp_path, fault):
    numbers, written = range(20), []
    odd = Unequal(tmp_path, fault, len(numbers))
    own = batch_jobs.Cluster(cluster, CPU)
    batch_jobs.process_batches(odd, {str(n): n for n in numbers}, written.append, size=1, cluster=own)
    results = [(key, *result) for group in written for key, result in group.items()]
    assert sorted(int(key) for key, *_ in results) == [*numbers]
    assert all(square == int(key) ** 2 for key, square, _ in results)
    by_odd = sum(process == odd.process() for *_, process in results)
    assert 1 <= by_odd <= (2 if fault == 'slow' else 1) and (tmp_path / 'asked').exists()


def test_a_caller_that_is_killed_goes_on_and_writes_the_bytes_of_one_process(cluster, root, tmp_path, capsys):
    command = flags(root, tmp_path / 'two', '--masks', 'bundled')
    line = [sys.executable, 'eval/extract.py', *command, '--ray', cluster]
    caller = subprocess.Popen(line, cwd=REPOSITORY, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    unfinished = tmp_path / 'two.unfinished'
    while caller.poll() is None and not list(unfinished.glob('*.parquet')):
        time.sleep(0.005)
    caller.kill()
    assert caller.wait() == -signal.SIGKILL and not (tmp_path / 'two').exists()
    assert eval_extract.main([*command, '--ray', cluster]) == 0
    printed = capsys.readouterr()
    assert 'resuming: ' in printed.err and '15 embeddings of length 512; no image left out' in printed.out
    assert eval_extract.main(flags(root, tmp_path / 'one', '--masks', 'bundled')) == 0
    assert (tmp_path / 'two').read_bytes() == (tmp_path / 'one').read_bytes() and not unfinished.exists()


def test_label_maps_are_those_of_one_process_and_an_unreadable_image_is_named(cluster, root, tmp_path, capsys):
    for output, more in ((tmp_path / 'one', []), (tmp_path / 'two', ['--ray', cluster])):
        command = ['--root', str(root), '--output', str(output), '--device', 'cpu', '--batch-size', '5', *more]
        assert parsing_main(command) == 0
    assert len(files(tmp_path / 'two')) == 15 and files(tmp_path / 'two') == files(tmp_path / 'one')
    broken = root / 'train/0000/0/c0_0.jpg'
    broken.write_bytes(b'')
    shutil.rmtree(tmp_path / 'two')
    assert parsing_main(command) == 2
    assert f'error: {broken}: image cannot be read' in capsys.readouterr().err


def test_an_index_has_the_rows_of_one_process(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(building, 'HERE', 3)
    photos = tmp_path / 'photos'
    photos.mkdir()
    for path in sorted((EXAMPLES / 'gallery').glob('*.jpg'))[:5]:
        shutil.copy(path, photos)
    (photos / 'broken.jpg').write_bytes(b'')
    found = []
    for name, more in (('one', []), ('two', ['--ray', cluster])):
        command = ['build', '--index', str(tmp_path / name), '--images', str(photos), '--device', 'cpu', *more]
        assert index_main(command) == 0
        printed = capsys.readouterr()
        assert '5 added (5 embedded), 0 there already, 1 left out' in printed.out and 'broken.jpg: ' in printed.err
        (index,) = GalleryIndex.all_at(tmp_path / name)
        found.append((sorted(index.rows()), index.embeddings()))
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(vector, found[1][1][name]) for name, vector in found[0][1].items())


def test_without_ray_the_package_to_install_is_named(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert eval_extract.main(flags(root, tmp_path / 'two', '--masks', 'none', '--ray')) == 2
    assert f'pip install "{batch_jobs.REQUIRED}"' in capsys.readouterr().err


def test_a_cluster_without_room_for_an_actor_is_refused():
    nodes = [{'Alive': True, 'Resources': {'CPU': 4.0}}, {'Alive': False, 'Resources': {'CPU': 64.0, 'GPU': 8.0}}]
    nodes.append({'Alive': True, 'Resources': {'CPU': 9.0, 'GPU': 2.0}})
    assert [batch_jobs._count_actors(nodes, *need) for need in ((1, 0), (4, 0), (9, 0), (1, 1))] == [13, 3, 1, 2]
    with pytest.raises(batch_jobs.RayError, match='has 10 cores; set OMP_NUM_THREADS to fewer'):
        batch_jobs._count_actors(nodes, 10, 0)


@pytest.mark.parametrize('done', [set(), {4, 5}, {4, 8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}])
def test_batches_of_what_is_left_are_those_of_the_first_run(done):
    batches = batch_jobs.cut_batches(range(9), done, 2)
    assert sorted(sum(batches, [])) == sorted({*range(9)} - done) and max(map(len, batches), default=0) <= 2
    whole = [[start, start + 1] for start in range(0, 8, 2) if not done & {start, start + 1}]
    assert batches[: len(whole)] == whole


def test_photos_without_a_result_are_told():
    with pytest.raises(ValueError, match='zip'):
        batch_jobs.process_batches(lambda batch: batch[1:], {0: 0, 1: 1}, lambda found: None)
