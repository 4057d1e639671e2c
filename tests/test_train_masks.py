"""`train/run.py` and the clothing masks it is given."""

import shutil

import pytest

from ifd_zoo.parsing.__main__ import main as make_masks
from tests import training
from tests.map_folders import flags as mask_flags
from tests.training import metrics
from tests.trees import write_folder_tree
from train import run as train_run


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def maps(root, tmp_path_factory):
    """A folder of masks, made by the bundled parser."""
    folder = tmp_path_factory.mktemp('masks') / 'maps'
    assert make_masks(mask_flags(root, folder, '--parser', 'bundled')) == 0
    return folder


def arguments(root, output, *more):
    return training.arguments(root, output, '--stage1-epochs', '0', '--epochs', '1', *more)


def losses(folder):
    return [row['losses'] for row in metrics(folder)]


def test_a_folder_of_masks_trains_as_the_parser_that_made_it(root, maps, tmp_path):
    for name, masks in (('parser', 'bundled'), ('folder', str(maps))):
        assert train_run.main(arguments(root, tmp_path / name, '--masks', masks)) == 0
    assert losses(tmp_path / 'parser') == losses(tmp_path / 'folder')
    assert not (tmp_path / 'folder' / 'maps').exists()


@pytest.mark.parametrize('spoil, words', [
    (lambda maps: (maps / 'masks.json').unlink(), 'run it again'),
    (lambda maps: next(iter((maps / 'train').rglob('*.png'))).unlink(), 'no label map in'),
])
def test_an_unfinished_folder_of_masks_is_refused(spoil, words, root, maps, tmp_path, capsys):
    unfinished = shutil.copytree(maps, tmp_path / 'maps')
    spoil(unfinished)
    assert train_run.main(arguments(root, tmp_path / 'run', '--masks', str(unfinished))) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize('split', ['query', '*'])
def test_images_without_masks_are_refused_before_anything_is_trained(split, root, tmp_path, capsys):
    data = shutil.copytree(root, tmp_path / 'data')
    missing = list((data / 'parsing').glob(f'{split}/**/*.png'))
    for path in missing:
        path.unlink()
    assert train_run.main(arguments(data, tmp_path / 'run')) == 2
    error = capsys.readouterr().err
    assert f'{len(missing)} of ' in error and 'images have no label map; give --masks bundled' in error
    assert not (tmp_path / 'run' / 'checkpoints').exists()


def test_without_masks_nothing_is_erased_though_the_data_set_has_label_maps(root, tmp_path):
    ikt = ('--variant', 'ikt')
    assert train_run.main(arguments(root, tmp_path / 'none', *ikt, '--masks', 'none')) == 0
    bare = shutil.copytree(root, tmp_path / 'data', ignore=shutil.ignore_patterns('parsing'))
    assert train_run.main(arguments(bare, tmp_path / 'bare', *ikt, '--masks', 'none')) == 0
    assert train_run.main(arguments(root, tmp_path / 'masked', *ikt)) == 0
    assert losses(tmp_path / 'none') == losses(tmp_path / 'bare') != losses(tmp_path / 'masked')
