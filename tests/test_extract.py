"""`eval/extract.py`: the right rows in the right order, whatever stops it."""

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from eval import embedding
from eval import extract as eval_extract
from eval.selection import select_split
from ifd_zoo.datasets import DatasetError, RecordDataset, load_dataset
from ifd_zoo.hub import eval_transform, load_model
from ifd_zoo.models.inference import choose_precision, infer
from tests.extraction import LABELS, MODEL, flags, info_of
from tests.trees import write_folder_tree, write_prcc_tree

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES = 2 * 2 * 2 + 1 * 2 * 2


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A data set of 12 images, and the file made of it in one go."""
    root = write_folder_tree(tmp_path_factory.mktemp('data'), train=2, test=1, views=2)
    output = tmp_path_factory.mktemp('out') / 'all.safetensors'
    assert eval_extract.main(flags(root, output)) == 0
    return root, output


@pytest.fixture
def root(finished, tmp_path):
    return Path(shutil.copytree(finished[0], tmp_path / 'data'))


@pytest.fixture(scope='module')
def model():
    return load_model(MODEL)


def test_the_file_follows_the_umask(root, tmp_path):
    before = os.umask(0o027)
    try:
        assert eval_extract.main(flags(root, tmp_path / 'all.safetensors')) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / 'all.safetensors').stat().st_mode) == 0o640


def slowly(model, records):
    """One image after the other, without a loader."""
    dataset = RecordDataset(records, eval_transform(model))
    items = (dataset[index] for index in range(len(records)))
    with torch.inference_mode():
        return np.concatenate([infer(model, i['image'][None], i['masked'][None]).embedding.numpy() for i in items])


@pytest.mark.parametrize('workers, batch_size', [(0, 64), (2, 5)])
def test_batches_and_workers_give_what_one_image_after_the_other_gives(finished, model, workers, batch_size):
    records = load_dataset('folder', finished[0]).train
    embeddings = embedding.extract(model, records, eval_transform(model), batch_size, workers)
    assert embeddings.dtype == np.float32
    assert np.abs(embeddings - slowly(model, records)).max() < 1e-5


def test_extract_names_an_image_that_cannot_be_read_without_a_stack_trace(root, model):
    broken = root / 'train/0001/0/c0_0.jpg'
    broken.write_bytes(b'no picture')
    with pytest.raises(DatasetError) as caught:
        embedding.extract(model, load_dataset('folder', root).train, eval_transform(model), 2, workers=1)
    assert str(caught.value).startswith(f'{broken}: image cannot be read') and '\n' not in str(caught.value)


def test_the_file_has_all_images_with_labels_in_order(finished, model):
    root, output = finished
    tensors, info = load_file(output), info_of(output)
    selection = select_split('folder', root, 'all')
    assert len(selection.records) == IMAGES
    assert info['precision'] == choose_precision(model, torch.device('cpu'))
    cosines = (tensors['embeddings'] * slowly(model, selection.records)).sum(1)
    assert cosines.min() > (0.999 if info['precision'] == 'bf16' else 0.99999)
    assert np.allclose(np.linalg.norm(tensors['embeddings'], axis=1), 1, atol=1e-5)
    for name in LABELS:
        assert tensors[name].dtype == np.int64
        assert tensors[name].tolist() == [getattr(record, name) for record in selection.records]
    assert [root / path for path in info['paths']] == [record.path for record in selection.records]
    assert info['splits'] == [path.split('/')[0] for path in info['paths']]
    assert (info['model'], info['masks'], info['flip'], info['unreadable']) == (MODEL, 'label-maps', True, [])
    assert len(info['weights_sha256']) == 64 and (info['data'], info['split']) == ('folder', 'all')
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_flip_and_masks_decide_what_comes_out(finished, tmp_path, model):
    root, output = finished
    whole = load_file(output)['embeddings']
    for number, more in enumerate((['--no-flip'], ['--masks', 'none'], ['--masks', 'bundled'])):
        other = tmp_path / f'{number}.safetensors'
        assert eval_extract.main(flags(root, other, *more)) == 0
        assert np.abs(load_file(other)['embeddings'] - whole).max() > 1e-3
    assert info_of(tmp_path / '0.safetensors')['flip'] is False
    assert info_of(tmp_path / '2.safetensors')['masks'].startswith('bundled (tf_efficientnet_lite0:')


def test_a_split_of_a_published_data_set(tmp_path):
    root = write_prcc_tree(tmp_path / 'prcc', train=(2, 10), test=(4,))
    output = tmp_path / 'out.safetensors'
    with pytest.warns(UserWarning, match='PRCC'):
        assert eval_extract.main(flags(root, output, '--data', 'prcc', '--split', 'test C')) == 0
    info = info_of(output)
    assert info['paths'] == [f'rgb/test/C/004/cropped_rgb00{view}.jpg' for view in range(2)]
    assert load_file(output)['camid'].tolist() == [2, 2] and info['splits'] == ['test C'] * 2


@pytest.mark.parametrize('split, images', [('train', 8), ('query', 2), ('gallery', 2), ('all', IMAGES)])
def test_splits(finished, split, images):
    assert len(select_split('folder', finished[0], split).records) == images


def test_an_unknown_split_is_refused_with_those_there_are(finished, tmp_path, capsys):
    assert eval_extract.main(flags(finished[0], tmp_path / 'x', '--split', 'val')) == 2
    assert "no split 'val' in 'folder'; give one of all, train, query, gallery" in capsys.readouterr().err


def test_a_run_that_is_killed_goes_on_and_ends_in_the_same_file(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=20, test=1)
    command = [sys.executable, 'eval/extract.py', *flags(root, tmp_path / 'killed.safetensors')]
    parts = tmp_path / 'killed.safetensors.parts'
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(parts.glob('*.safetensors'))) < 4:
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = sorted(parts.glob('*.safetensors'))
    assert 4 <= len(done) < 42 and not (tmp_path / 'killed.safetensors').exists()
    done[0].write_bytes(done[0].read_bytes()[:-5])  # torn, as by a power cut
    assert eval_extract.main(flags(root, tmp_path / 'killed.safetensors')) == 0
    errors = capsys.readouterr().err
    assert f'going on: {len(done) - 1} of 42 parts are there already' in errors and '1 parts are torn' in errors
    assert eval_extract.main(flags(root, tmp_path / 'whole.safetensors')) == 0
    killed, whole = (load_file(tmp_path / f'{name}.safetensors') for name in ('killed', 'whole'))
    assert all(np.allclose(killed[key], whole[key], atol=1e-6) for key in ('embeddings', *LABELS))
    assert info_of(tmp_path / 'killed.safetensors') == info_of(tmp_path / 'whole.safetensors')
    assert not parts.exists()


@pytest.mark.parametrize(
    'change, unusable', [('nothing', 0), ('model', 3), ('flip', 3), ('masks', 3), ('image', 1), ('bits', 1)]
)
def test_parts_of_other_images_or_settings_are_made_again(finished, root, tmp_path, capsys, change, unusable):
    output, last = tmp_path / 'out.safetensors', root / 'gallery/0002/1/c2_1.jpg'
    good = last.read_bytes()
    last.write_bytes(b'')
    assert eval_extract.main(flags(root, output)) == 2
    last.write_bytes(good)
    part = tmp_path / 'out.safetensors.parts/000002.safetensors'
    if change == 'image':
        shutil.copy(root / 'train/0001/1/c2_1.jpg', root / 'train/0000/0/c0_0.jpg')
    elif change == 'bits':
        part.write_bytes(part.read_bytes()[:-1] + b'?')
    others = {'model': '--model ifd_baseline_resnet10t.synthetic', 'flip': '--no-flip', 'masks': '--masks none'}
    capsys.readouterr()
    assert eval_extract.main(flags(root, output, *others.get(change, '').split())) == 0
    errors = capsys.readouterr().err
    assert (f'{unusable} parts are torn, or of other images or settings: made again' in errors) == (unusable > 0)
    assert (f'going on: {3 - unusable} of 4 parts are there already' in errors) == (unusable < 3)
    whole, embeddings = load_file(finished[1])['embeddings'], load_file(output)['embeddings']
    same = embeddings.shape == whole.shape and np.allclose(embeddings, whole, atol=1e-6)
    assert same == (change in ('nothing', 'bits'))
