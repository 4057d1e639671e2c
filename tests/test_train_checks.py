"""Batches, people and masks from which nothing can be learnt are refused before anything is computed."""

import shutil

import pytest
from PIL import Image

from ifd_zoo.parsing import mask_source
from tests.training import arguments
from tests.trees import write_folder_tree
from train import engine
from train import run as train_run


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'))


@pytest.fixture
def refuse(tmp_path, capsys, monkeypatch):
    """Start a run that has to be refused before an image is parsed or a batch is computed; returns the error."""

    def parse(*args):
        raise AssertionError('images were parsed')

    monkeypatch.setattr(mask_source, 'parse_records', parse)
    monkeypatch.setattr(engine.Engine, 'run', parse)

    def start(root, *flags):
        assert train_run.main(arguments(root, tmp_path / 'run', *flags)) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith('error: ') and not (tmp_path / 'run' / 'checkpoints').exists()
        return error

    return start


@pytest.mark.parametrize('variant', ['cbd', 'ifd_cl', 'ifd'])
def test_a_clothing_loss_without_masks_is_refused(variant, root, refuse):
    error = refuse(root, '--variant', variant, '--masks', 'none')
    assert f'masks: with none the clothing loss of the variant {variant} would always be 0' in error
    assert '--variant baseline, ikt' in error


def test_a_clothing_loss_without_clothing_is_refused(root, refuse, tmp_path):
    assert 'clothing_classes' in refuse(root, '--clothing-classes', '')
    assert 'clothing_classes: no training image shows any of bag' in refuse(root, '--clothing-classes', 'bag')
    bare = shutil.copytree(root, tmp_path / 'bare')
    for path in (bare / 'parsing' / 'train').rglob('*.png'):
        Image.new('L', (32, 64)).save(path)
    assert 'clothing_classes: no training image shows' in refuse(bare)


@pytest.mark.parametrize('flag', ['--num-pids', '--num-images'])
def test_a_clothing_loss_that_has_nothing_to_compare_is_refused(flag, root, refuse):
    assert f'error: {flag[2:].replace("-", "_")}: the clothing loss' in refuse(root, flag, '1')


def test_without_clothing_loss_two_images_are_a_batch(root, tmp_path):
    for flags in (('--num-pids', '1', '--num-images', '2'), ('--num-pids', '2', '--num-images', '1')):
        more = ['--variant', 'baseline', '--epochs', '1', *flags]
        assert train_run.main(arguments(root, tmp_path / flags[1], *more)) == 0


@pytest.mark.parametrize('processes, pids', [(1, 1), (2, 2)])
def test_a_batch_of_one_image_per_process_is_refused(processes, pids, root, refuse, monkeypatch):
    monkeypatch.setattr(engine.Accelerator, 'num_processes', property(lambda self: processes))
    error = refuse(root, '--variant', 'baseline', '--num-pids', str(pids), '--num-images', '1')
    assert '1 image' in error and '--num-pids or --num-images' in error
    assert ('in each of 2 processes' in error) is (processes == 2)


def test_one_training_person_is_refused(refuse, root, tmp_path):
    alone = shutil.copytree(root, tmp_path / 'alone')
    for folder in sorted((alone / 'train').iterdir())[1:]:
        shutil.rmtree(folder)
    flags = ('--variant', 'baseline', '--num-pids', '1')
    assert f'{alone}: only one training person' in refuse(alone, *flags)
    assert 'lower --val-pids' in refuse(root, *flags, '--val-pids', '5')


def test_what_is_wrong_is_found_before_images_are_parsed(root, refuse, tmp_path):
    masks = ('--masks', 'bundled')
    assert 'num_pids=16, but there are only 6 persons' in refuse(root, '--recipe', 'synthetic', '--num-pids', '16')
    assert 'only 2 persons' in refuse(root, *masks, '--val-pids', '4')
    assert 'backbone: ' in refuse(root, *masks, '--backbone', 'resnet1')
    assert 'backbone_weights: ' in refuse(root, *masks, '--backbone-weights', str(tmp_path / 'missing.pth'))
    assert 'init: ' in refuse(root, *masks, '--init', str(tmp_path / 'missing'))
