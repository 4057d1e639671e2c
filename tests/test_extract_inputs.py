"""`eval/extract.py` and files as they come: pictures of any kind and name, and files that are none."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from eval import extract as eval_extract
from eval.embeddings import extraction
from eval.embeddings.selection import select_pictures
from ifd_zoo.predictor import Predictor
from tests.extraction import LABELS, MODEL, flags, info_of
from tests.trees import draw_person, write_folder_tree


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), train=2, test=1, views=2)


@pytest.fixture
def root(tree, tmp_path):
    return Path(shutil.copytree(tree, tmp_path / 'data'))


def picture_flags(folder, output, *more):
    return [flag.replace('--root', '--images') for flag in flags(folder, output, '--masks', 'none', *more)]


def write_pictures(folder, names):
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_person(index, 0, 0)[0]).save(path)
    return folder


@pytest.mark.parametrize('masks', ['label-maps', 'bundled'])
def test_an_unreadable_image_stops_the_run_and_is_named(root, tmp_path, capsys, masks):
    broken = root / 'train/0001/1/c1_0.jpg'
    broken.write_bytes(broken.read_bytes()[:300])
    output = tmp_path / 'out.safetensors'
    assert eval_extract.main(flags(root, output, '--masks', masks)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f'error: {broken}: image cannot be read') and not output.exists()


@pytest.mark.parametrize('masks', ['label-maps', 'bundled'])
def test_an_unreadable_image_is_left_out_by_choice_and_the_others_stay_as_they_are(
    root, tmp_path, capsys, masks
):
    broken = 'train/0001/1/c1_0.jpg'
    whole = tmp_path / 'whole.safetensors'
    assert eval_extract.main(flags(root, whole, '--masks', masks)) == 0
    (root / broken).write_bytes(b'')
    output = tmp_path / 'out.safetensors'
    assert eval_extract.main(flags(root, output, '--masks', masks)) == 2
    capsys.readouterr()
    assert eval_extract.main(flags(root, output, '--masks', masks, '--on-error', 'skip')) == 0
    printed = capsys.readouterr()
    assert 'resuming: 4 of 12' in printed.err
    assert '11 embeddings' in printed.out and '1 of 12 images cannot be used and are left out' in printed.out
    assert f'left out: {root / broken}: image cannot be read' in printed.err
    info, before = info_of(output), info_of(whole)
    assert [entry['path'] for entry in info['unreadable']] == [broken]
    assert info['paths'] == [path for path in before['paths'] if path != broken]
    kept = [index for index, path in enumerate(before['paths']) if path != broken]
    for key in ('embeddings', *LABELS):
        assert np.allclose(load_file(output)[key], load_file(whole)[key][kept], atol=1e-5), key


def test_a_part_without_an_image_is_not_enough_for_a_run_that_is_to_stop(root, tmp_path, capsys, monkeypatch):
    (root / 'gallery/0002/0/c1_1.jpg').write_bytes(b'')
    monkeypatch.setattr(extraction.RowStore, 'remove', lambda store: None)
    assert eval_extract.main(flags(root, tmp_path / 'out', '--on-error', 'skip')) == 0
    assert eval_extract.main(flags(root, tmp_path / 'out')) == 2
    assert 'c1_1.jpg: image cannot be read' in capsys.readouterr().err


def test_images_none_of_which_can_be_read_give_no_file(tmp_path, capsys):
    for name in ('a.jpg', 'b.png', 'c.webp'):
        (tmp_path / name).write_bytes(b'')
    output = tmp_path / 'out.safetensors'
    assert eval_extract.main(picture_flags(tmp_path, output, '--on-error', 'skip')) == 2
    assert 'none of 3 images can be read; the first:' in capsys.readouterr().err and not output.exists()


def test_a_label_map_that_does_not_fit_is_no_reason_to_leave_an_image_out(root, tmp_path, capsys):
    name = root / 'parsing/train/0001/1/c1_0.png'
    Image.new('L', (32, 60)).save(name)
    assert eval_extract.main(flags(root, tmp_path / 'out', '--on-error', 'skip')) == 2
    assert f'error: {name}: 32 x 60 pixels, but its image has 32 x 64' in capsys.readouterr().err


@pytest.mark.parametrize('masks', ['none', 'bundled'])
def test_a_folder_of_pictures_has_no_labels_and_the_embeddings_of_the_predictor(tmp_path, masks):
    folder = write_pictures(tmp_path / 'pictures', ['b.JPG', 'a.png', 'a.jpg', 'deep/er/c.webp'])
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    with Image.open(folder / 'b.JPG') as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(folder / 'b.JPG', exif=turned, quality=95)
    (folder / 'notes.txt').write_text('no picture')
    (folder / '.hidden.jpg').write_bytes(b'no picture')
    (folder / 'folder.jpg').mkdir()
    output = tmp_path / 'out.safetensors'
    assert eval_extract.main(picture_flags(folder, output, '--masks', masks)) == 0
    tensors, info = load_file(output), info_of(output)
    assert list(tensors) == ['embeddings']
    assert info['paths'] == ['a.jpg', 'a.png', 'b.JPG', 'deep/er/c.webp']
    assert (info['splits'], info['data'], info['split']) == (None, None, None)
    expected = Predictor(MODEL, masks, device='cpu').embed([folder / path for path in info['paths']])
    assert np.abs(tensors['embeddings'] - expected).max() < 1e-4


def test_hostile_names(tmp_path, capfd):
    names = ['-x.jpg', 'new\nline.jpg', 'quote"\'.jpg', '%s{0}.png', 'ümläut 人.jpg', 'x' * 250 + '.jpg', 'a..jpg']
    names.append(os.fsdecode(b'no-utf8-\xff.jpg'))
    folder = write_pictures(tmp_path / 'pictures [1] *', names)
    broken = os.fsdecode(b'broken-\xfe.jpg')
    (folder / broken).write_bytes(b'')
    output = tmp_path / 'out.safetensors'
    more = ['--masks', 'bundled', '--on-error', 'skip']
    assert eval_extract.main(picture_flags(folder, output, *more)) == 0
    assert sorted(info_of(output)['paths']) == sorted(names)
    assert [entry['path'] for entry in info_of(output)['unreadable']] == [broken]
    assert '1 of 9 images' in capfd.readouterr().out


def test_the_output_may_be_among_the_pictures(tmp_path, capsys):
    write_pictures(tmp_path, ['a.jpg', 'b.jpg', 'c.jpg'])
    (tmp_path / 'b.jpg').write_bytes(b'')
    command = picture_flags(tmp_path, tmp_path / 'out.safetensors', '--masks', 'bundled')
    assert eval_extract.main([*command, '--batch-size', '1', '--group', '1']) == 2
    assert list((tmp_path / 'out.safetensors.unfinished').rglob('*.parquet'))
    assert eval_extract.main([*command, '--on-error', 'skip']) == 0
    assert '1 of 3 images cannot be used' in capsys.readouterr().out


def test_hidden_folders_of_pictures_are_left_out(tmp_path):
    write_pictures(tmp_path, ['a.jpg', '.cache/b.jpg'])
    assert [record.path.name for record in select_pictures(tmp_path).records] == ['a.jpg']


@pytest.mark.parametrize(
    'change, words',
    [
        (['--model', 'nothing'], 'no trained model'),
        (['--masks', 'nothing'], 'unknown parser'),
        (['--root', 'nowhere'], 'nowhere: no such folder'),
        (['--output', '.'], 'is a folder'),
    ],
)
def test_what_is_wrong_is_named(tree, tmp_path, capsys, change, words):
    assert eval_extract.main(flags(tree, tmp_path / 'out', *change)) == 2
    assert words in capsys.readouterr().err


def test_pictures_without_label_maps_are_told_what_to_do(tmp_path, capsys):
    folder = write_pictures(tmp_path / 'pictures', ['a.jpg', 'b.jpg'])
    assert eval_extract.main(picture_flags(folder, tmp_path / 'out', '--masks', 'label-maps')) == 2
    assert 'a.jpg: no label map in' in capsys.readouterr().err


@pytest.mark.parametrize('more', [['--batch-size', '0'], ['--images', 'x'], ['--group', '0']])
def test_flags_that_make_no_sense_are_refused(tmp_path, more):
    with pytest.raises(SystemExit, match='2'):
        eval_extract.main(flags(tmp_path, tmp_path / 'out', *more))
