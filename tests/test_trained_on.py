"""A run is resumed with the data and masks that it began with, and with no others."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from ifd_zoo.datasets import Record, load_dataset
from ifd_zoo.parsing.mask_source import LABEL_MAPS
from tests import training
from tests.trees import write_folder_tree
from train import run as train_run
from train.checkpoint import Checkpoints
from train.trained_on import describe_change, describe_records


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """Six training people."""
    return write_folder_tree(tmp_path_factory.mktemp('people'))


@pytest.fixture(scope='module')
def finished(people, tmp_path_factory):
    """A run on the first four of them, in a folder beside its data."""
    folder = tmp_path_factory.mktemp('finished')
    assert train_run.main(arguments(without(people, folder / 'data', 4, 5), folder / 'run')) == 0
    return folder


def arguments(root, output, *more):
    return training.arguments(root, output, '--variant', 'ikt', '--stage1-epochs', '0', '--epochs', '1', *more)


def without(people, root, *pids):
    """A copy of the data set that lacks these training people."""
    left_out = {f'{pid:04d}' for pid in pids}
    return shutil.copytree(people, root, ignore=lambda folder, names: left_out if Path(folder).name == 'train' else [])


def swap_people(people, root):
    shutil.rmtree(root)
    without(people, root, 0, 5)


def change_files(people, root):
    Image.new('RGB', (32, 64)).save(root / 'train/0001/0/c0_0.jpg')
    Image.new('L', (32, 64), 5).save(root / 'parsing/train/0003/0/c0_0.png')


def exchange_outfits(people, root):
    for folder in (root / 'train/0001', root / 'parsing/train/0001'):
        (folder / '0').rename(folder / '2')


CHANGES = {
    swap_people: ['6 images are gone, such as train/0000/0/', '6 images are new, such as train/0004/0/c0_0.jpg',
                  '18 images are of '],
    change_files: ['1 image is of another size, such as train/0001/0/c0_0.jpg',
                   '1 image is of another label map, such as train/0003/0/c0_0.jpg'],
    exchange_outfits: ['3 images are gone, such as train/0001/0/', '3 images are new, such as train/0001/2/'],
}  # fmt: skip


@pytest.mark.parametrize('change', CHANGES)
def test_resuming_with_other_data_is_refused_with_what_has_changed(change, people, finished, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / 'copy')
    change(people, folder / 'data')
    assert train_run.main(arguments(folder / 'data', folder / 'run', '--resume')) == 2
    error = capsys.readouterr().err
    assert all(words in error for words in ['error: ', 'trained on other data', *CHANGES[change]])
    assert 'Traceback' not in error


def test_data_that_were_moved_are_the_same(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / 'copy')
    assert train_run.main(arguments((folder / 'data').rename(folder / 'moved'), folder / 'run', '--resume')) == 0


def test_a_checkpoint_without_a_record_of_its_data_is_resumed_with_a_note(people, finished, tmp_path):
    run = shutil.copytree(finished / 'run', tmp_path / 'run')
    checkpoints = Checkpoints(run / 'checkpoints')
    state = checkpoints.load(print)
    del state['trained_on'], state['history']
    for path in checkpoints.paths():
        path.unlink()
    checkpoints.save(state)
    assert train_run.main(arguments(finished / 'data', run, '--resume')) == 0
    assert 'does not record its training data' in (run / 'log.txt').read_text()


def test_changes_of_person_outfit_camera_and_masks_are_described(people):
    masks = SimpleNamespace(masks='bundled', name='bundled (1234)')
    records = load_dataset('folder', people).train
    before = describe_records(records, people, masks)
    first, *rest = records
    assert describe_change(before, describe_records([*rest, first], people, masks)) == ''
    for field, words in (('pid', 'person'), ('clothes_id', 'outfit'), ('camid', 'camera')):
        changed = Record(**{**vars(first), field: 99})
        text = describe_change(before, describe_records([changed, *rest], people, masks))
        assert text == f'1 image is of another {words}, such as {first.path.relative_to(people)}'
    other = SimpleNamespace(masks='bundled', name='bundled (5678)')
    text = describe_change(before, describe_records(records, people, other))
    assert text == 'masks are bundled (5678), and were bundled (1234)'


def test_label_maps_of_the_data_set_count_only_where_they_are_used(people):
    records = load_dataset('folder', people).train
    bare = [Record(**{**vars(record), 'label_map': None}) for record in records]
    for masks, same in (('none', True), (LABEL_MAPS, False)):
        source = SimpleNamespace(masks=masks, name=masks)
        assert (describe_records(records, people, source) == describe_records(bare, people, source)) is same
