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

from eval import extract as eval_extract
from eval.embeddings import loop as embedding
from eval.embeddings.selection import select_split
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
    unfinished, whole = tmp_path / 'killed.safetensors.unfinished', tmp_path / 'whole.safetensors'
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(unfinished.glob('*.parquet'))) < 4:
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = sorted(unfinished.glob('*.parquet'))
    assert 4 <= len(done) < 31 and not (tmp_path / 'killed.safetensors').exists()
    done[0].write_bytes(done[0].read_bytes()[:-5])  # torn, as by a power cut
    assert eval_extract.main(flags(root, tmp_path / 'killed.safetensors')) == 0
    errors = capsys.readouterr().err
    assert f'resuming: {4 * len(done) - 4} of 126 embeddings are already stored' in errors
    assert '1 files are damaged' in errors
    assert eval_extract.main(flags(root, whole)) == 0
    assert (tmp_path / 'killed.safetensors').read_bytes() == whole.read_bytes() and not unfinished.exists()


CHANGES = [('nothing', 0, 0), ('model', 0, 8), ('flip', 0, 8), ('masks', 0, 8), ('image', 0, 1)]
CHANGES += [('end', 1, 0), ('bits', 1, 0)]


@pytest.mark.parametrize('change, damaged, others', CHANGES)
def test_embeddings_of_other_images_or_settings_and_damaged_ones_are_made_again(
    finished, root, tmp_path, capsys, change, damaged, others
):
    output, last = tmp_path / 'out.safetensors', root / 'gallery/0002/1/c2_1.jpg'
    good = last.read_bytes()
    last.write_bytes(b'')
    assert eval_extract.main(flags(root, output)) == 2
    last.write_bytes(good)
    first, _ = sorted((tmp_path / 'out.safetensors.unfinished').glob('*.parquet'))
    content = bytearray(first.read_bytes())
    if change == 'image':
        shutil.copy(root / 'train/0001/1/c2_1.jpg', root / 'train/0000/0/c0_0.jpg')
    elif change in ('end', 'bits'):
        content[-1 if change == 'end' else len(content) // 2] ^= 255
        first.write_bytes(content)
    more = {'model': '--model ifd_baseline_resnet10t.synthetic', 'flip': '--no-flip', 'masks': '--masks none'}
    capsys.readouterr()
    assert eval_extract.main(flags(root, output, *more.get(change, '').split())) == 0
    errors, usable = capsys.readouterr().err, 8 - others - 4 * damaged
    assert (f'resuming: {usable} of 12 embeddings are already stored' in errors) == (usable > 0)
    told = f'{damaged} files are damaged, {others} embeddings are of other images or settings: recomputing'
    assert (told in errors) == (damaged + others > 0)
    whole, embeddings = load_file(finished[1])['embeddings'], load_file(output)['embeddings']
    same = embeddings.shape == whole.shape and np.array_equal(embeddings, whole)
    assert same == (not others)


def test_a_file_of_other_images_is_replaced(finished, tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=1, test=1, views=2)
    output = tmp_path / 'out'
    for word in ('8 embeddings', 'already complete with 8'):
        assert eval_extract.main(flags(root, output)) == 0
        assert word in capsys.readouterr().out
    os.utime(root / 'train/0000/0/c0_0.jpg')
    output.write_bytes(output.read_bytes()[:-1])  # torn
    for _ in range(2):
        assert eval_extract.main(flags(root, output)) == 0
    assert 'already complete' in capsys.readouterr().out


def test_a_finished_file_that_lacks_an_image_is_not_enough_for_a_run_that_is_to_stop(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=1, test=1, views=2)
    (root / 'train/0000/0/c0_0.jpg').write_bytes(b'')
    output = tmp_path / 'out'
    for word in ('7 embeddings', 'already complete with 7 embeddings, 1 images left out'):
        assert eval_extract.main(flags(root, output, '--on-error', 'skip')) == 0
        assert word in capsys.readouterr().out
    assert eval_extract.main(flags(root, output)) == 2
    assert 'c0_0.jpg: image cannot be read' in capsys.readouterr().err
