"""What a run cannot have, or could not learn from, is refused before anything is computed."""

import shutil

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from ifd_zoo.parsing import mask_source
from tests.training import arguments
from tests.trees import write_folder_tree
from train import engine
from train import run as train_run

TRAINED = 'ifd_baseline_resnet10t.synthetic'


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
        text = capsys.readouterr().err
        error = text.splitlines()[-1]
        assert error.startswith('error: ') and 'Traceback' not in text
        assert not (tmp_path / 'run' / 'checkpoints').exists()
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


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A folder of things that cannot be used."""
    folder = tmp_path_factory.mktemp('files')
    (folder / 'no_photos').mkdir()
    save_file(timm.create_model('test_efficientnet').state_dict(), folder / 'other.safetensors')
    torch.save({'conv1.weight': print}, folder / 'code.pth')
    return folder


@pytest.mark.parametrize('flags, words', [
    ('--root {files}/nowhere', 'nowhere'),
    ('--output {files}/code.pth', 'code.pth'),
    ('--num-pids 64', 'num_pids=64, but there are only 6 persons'),
    ('--val-pids 4', 'only 2 persons'),
    ('--backbone resnet1', 'close names: '),
    ('--precision fp16', 'precision'),
    ('--sync-bn', 'sync_bn'),
    ('--masks no_such_parser', 'no_such_parser'),
    ('--init {files}/missing', 'init: '),
    ('--photos {files}/no_photos', 'no_photos: --photos holds 0 images'),
    ('--backbone-weights imagenet', 'backbone_weights: '),  # the tests have no network
    ('--backbone-weights {files}/missing.pth', 'No such file'),
    ('--backbone-weights {files}/code.pth', 'cannot be read'),
    ('--backbone-weights {files}/other.safetensors', 'do not fit'),
    ('--backbone resnet18 --backbone-weights parser', 'have the backbones tf_efficientnet_lite0, resnet10t'),
    (f'--backbone resnet18 --backbone-weights {TRAINED}', f'{TRAINED}: '),
])
def test_what_a_run_cannot_have_is_named_before_images_are_parsed(flags, words, root, files, refuse):
    assert words in refuse(root, '--masks', 'bundled', *flags.format(files=files).split())
