"""The check of a data set on disk, through its command line."""

import shutil

import numpy as np
import pytest
from PIL import Image

from eval.check_data import main
from ifd_zoo.labels import LABELS
from tests.trees import PUBLISHED_TREES, write_folder_tree, write_ltcc_tree

FIRST, LAST = 'train/0000/0/c0_0', 'gallery/0003/0/c1_1'


@pytest.fixture
def root(tmp_path):
    return write_folder_tree(tmp_path / 'tree', train=3, test=1)


@pytest.fixture
def check(root, capsys):
    """Exit status and lines printed, with the name of the tree's folder taken out."""

    def run(*arguments, workers=0):
        status = main(['--root', str(root), '--workers', str(workers), *arguments])
        return status, [line.replace(f'{root}/', '') for line in capsys.readouterr().out.splitlines()]

    return run


def test_a_sound_data_set_passes(root, check):
    status, lines = check('--masks')
    assert status == 0
    assert lines == [
        f'folder in {root}',
        '| split | number of | found | expected |  |',
        '|---|---|---|---|---|',
        '| train | images | 18 |  |  |',
        '| train | persons | 3 |  |  |',
        '| train | outfits | 6 |  |  |',
        '| query | images | 2 |  |  |',
        '| query | persons | 1 |  |  |',
        '| query | outfits | 2 |  |  |',
        '| gallery | images | 4 |  |  |',
        '| gallery | persons | 1 |  |  |',
        '| gallery | outfits | 2 |  |  |',
        '',
        '| protocol | valid queries | why the others have no right match |',
        '|---|---|---|',
        '| general | 2 / 2 |  |',
        '| cc | 2 / 2 |  |',
        '| sc | 2 / 2 |  |',
        '',
        '24 images checked',
        'why nothing can be measured: none',
        'images in a split that are ignored: none',
        'images that cannot be read: none',
        'label maps that are missing or do not fit: none',
        'test images that are training images too: none',
    ]


@pytest.mark.parametrize(
    'content, reason',
    [
        (lambda data: data[:-100], 'truncated'),
        (lambda data: data[:100], 'truncated'),
        (lambda data: b'', 'is empty'),
        (lambda data: b'not a picture', 'is not a picture'),
    ],
)
def test_a_damaged_image_is_named(root, check, content, reason):
    path = root / f'{FIRST}.jpg'
    path.write_bytes(content(path.read_bytes()))
    status, lines = check('--masks')
    assert status == 1 and 'images that cannot be read: 1' in lines
    (line,) = [line for line in lines if line.startswith(f'  {FIRST}.jpg')]
    assert reason in line.lower()
    assert 'label maps that are missing or do not fit: none' in lines


def test_damage_inside_a_png_is_found(tmp_path, capsys):
    path = next((write_ltcc_tree(tmp_path) / 'LTCC_ReID/test').iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert main(['--data', 'ltcc', '--root', str(tmp_path), '--workers', '0']) == 1
    assert f'images that cannot be read: 1\n  {path}: ' in capsys.readouterr().out


def test_a_link_that_leads_nowhere_cannot_be_read(root, check):
    path = root / f'{LAST}.jpg'
    path.unlink()
    path.symlink_to(root / 'moved.jpg')
    status, lines = check()
    assert status == 1 and lines[-2].startswith(f'  {LAST}.jpg: image cannot be read (no such file')


def test_a_test_image_with_the_bytes_of_a_training_image_is_named(root, check):
    shutil.copy(root / f'{FIRST}.jpg', root / f'{LAST}.jpg')
    status, lines = check()
    assert status == 1
    assert lines[-2:] == [
        'test images that are training images too: 1',
        f'  {LAST}.jpg: the same as {FIRST}.jpg',
    ]


def test_the_same_image_twice_in_training_is_no_fault(root, check):
    shutil.copy(root / f'{FIRST}.jpg', root / 'train/0000/0/c1_1.jpg')
    assert check()[0] == 0


def test_empty_files_are_no_duplicates(root, check):
    for name in (FIRST, LAST):
        (root / f'{name}.jpg').write_bytes(b'')
    status, lines = check()
    assert status == 1 and lines[-1] == 'test images that are training images too: none'


def array_map(*size, value=0):
    return lambda path: Image.fromarray(np.full(size, value, np.uint8)).save(path)


@pytest.mark.parametrize(
    'change, line',
    [
        (lambda path: path.unlink(), f'{FIRST}.jpg: no label map'),
        (array_map(60, 32), f'parsing/{FIRST}.png: 32 x 60 pixels, but its image has 32 x 64'),
        (
            array_map(64, 32, value=len(LABELS)),
            f'parsing/{FIRST}.png: holds the value {len(LABELS)}; labels are 0 to {len(LABELS) - 1}',
        ),
        (
            array_map(64, 32, 3),
            f'parsing/{FIRST}.png: a label map must be a PNG with one byte per pixel, this one is RGB',
        ),
    ],
)
def test_a_label_map_that_does_not_fit_is_named(root, check, change, line):
    change(root / f'parsing/{FIRST}.png')
    status, lines = check('--masks')
    assert status == 1 and lines[-3:-1] == ['label maps that are missing or do not fit: 1', f'  {line}']
    assert check()[0] == 0


def test_a_label_map_that_is_no_picture_is_named(root, check):
    (root / f'parsing/{FIRST}.png').write_bytes(b'x')
    status, lines = check('--masks')
    assert status == 1 and lines[-2].startswith(f'  parsing/{FIRST}.png: label map cannot be read')


def test_several_processes_find_the_same(root, check):
    (root / f'{FIRST}.jpg').write_bytes(b'')
    (root / f'parsing/{LAST}.png').unlink()
    alone = check('--masks')
    assert check('--masks', workers=2) == alone and alone[0] == 1


def test_long_lists_are_cut(root, check):
    shutil.rmtree(root / 'parsing')
    status, lines = check('--masks', '--most', '3')
    assert status == 1 and lines[-6] == 'label maps that are missing or do not fit: 24'
    assert lines[-2] == '  ... and 21 more'


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('name', [name for name, tree in PUBLISHED_TREES.items() if tree.warnings])
def test_other_counts_than_the_published_ones_are_a_fault_and_the_only_one(tmp_path, capsys, name):
    root = PUBLISHED_TREES[name].write(tmp_path)
    assert main(['--data', name, '--root', str(root), '--masks', '--workers', '0']) == 1
    printed = capsys.readouterr().out
    assert '| differs |' in printed and printed.count(': none\n') == 5


def test_the_table_tells_which_numbers_differ(tmp_path, capsys):
    main(['--data', 'ltcc', '--root', str(write_ltcc_tree(tmp_path)), '--workers', '0'])
    printed = capsys.readouterr().out
    assert '| train | images | 24 | 9576 | differs |\n' in printed
    assert '| train | outfits | 6 |  |  |\n' in printed
    assert '| query and test | persons | 2 | 75 | differs |\n' in printed


@pytest.mark.parametrize('name, word', [('prcc', 'looked for'), ('folder', 'no images in the layout')])
def test_a_folder_without_the_data_set_is_told_apart(tmp_path, capsys, name, word):
    assert main(['--data', name, '--root', str(tmp_path)]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize('root, word', [('nothing', 'no such folder'), ('x' * 300, 'cannot be read')])
def test_a_folder_that_cannot_be_read_is_told_apart(tmp_path, capsys, root, word):
    assert main(['--data', 'ltcc', '--root', str(tmp_path / root)]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize('arguments', [['--data', 'prcd'], ['--workers', '-1'], ['--most', '-1']])
def test_wrong_arguments_are_refused(tmp_path, arguments):
    with pytest.raises(SystemExit, match='2'):
        main(['--root', str(tmp_path), *arguments])
