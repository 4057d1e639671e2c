"""PRCC and LTCC with something missing, too much, or wrongly named."""

import shutil
import warnings

import pytest

from ifd_zoo.datasets import DatasetError, load_dataset
from ifd_zoo.datasets.common import CountWarning, check_counts
from tests.trees import PUBLISHED_TREES, write_prcc_tree

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')

COUNT_MESSAGES = {
    'prcc': [
        'PRCC train: expected 17896 images, 150 persons, 300 outfits; found 18 images, 3 persons, 6 outfits',
        'PRCC test A: expected 3384 images, 71 persons; found 4 images, 2 persons',
        'PRCC test B: expected 3873 images, 71 persons; found 4 images, 2 persons',
        'PRCC test C: expected 3543 images, 71 persons; found 4 images, 2 persons',
    ],
    'ltcc': [
        'LTCC train: expected 9576 images, 77 persons; found 24 images, 3 persons',
        'LTCC query: expected 493 images; found 3 images',
        'LTCC test (gallery): expected 7050 images; found 9 images',
        'LTCC query and test: expected 75 persons; found 2 persons',
    ],
}
SPLITS = [
    *(('prcc', f'rgb/{split}') for split in ('train', 'test/A', 'test/B', 'test/C')),
    *(('ltcc', f'LTCC_ReID/{split}') for split in ('train', 'query', 'test')),
]


@pytest.fixture(params=PUBLISHED_TREES)
def name(request):
    return request.param


@pytest.fixture
def root(tmp_path, name):
    return PUBLISHED_TREES[name](tmp_path / 'data')


def test_other_counts_than_the_published_ones_are_warned_about(name, root):
    with pytest.warns(CountWarning) as caught:
        load_dataset(name, root)
    assert [str(warning.message) for warning in caught] == COUNT_MESSAGES[name]


def test_the_right_counts_give_no_warning(tmp_path):
    train = load_dataset('prcc', write_prcc_tree(tmp_path)).train
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_counts('train', train, {'images': 18, 'persons': 3, 'outfits': 6})


def test_a_root_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(DatasetError, match='nothing: no such folder'):
        load_dataset(name, tmp_path / 'nothing')


@pytest.mark.parametrize('name, folder', [('prcc', 'rgb'), ('ltcc', 'LTCC_ReID')])
def test_a_root_without_the_layout_is_told_what_was_looked_for(tmp_path, name, folder):
    with pytest.raises(DatasetError, match=f'train.* in .*{folder}'):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize('name, split', SPLITS)
def test_a_missing_split_is_named(root, name, split):
    shutil.rmtree(root / split)
    with pytest.raises(DatasetError, match=f'{split}: no such folder'):
        load_dataset(name, root)


@pytest.mark.parametrize('name, split', SPLITS)
def test_an_empty_split_is_named(root, name, split):
    shutil.rmtree(root / split)
    (root / split).mkdir()
    with pytest.raises(DatasetError, match=f'{split}: no image'):
        load_dataset(name, root)


@pytest.mark.parametrize(
    'name, old, new',
    [
        ('prcc', 'rgb/train/002/A_cropped_rgb000.jpg', 'rgb/train/002/D_cropped_rgb000.jpg'),
        ('prcc', 'rgb/train/002/A_cropped_rgb000.jpg', 'rgb/train/002/cropped_rgb000.jpg'),
        ('prcc', 'rgb/train/002', 'rgb/train/anna'),
        ('prcc', 'rgb/test/B/004', 'rgb/test/B/4_0'),
        ('ltcc', 'LTCC_ReID/train/003_1_c1_001000.png', 'LTCC_ReID/train/003_1_1_001000.png'),
        ('ltcc', 'LTCC_ReID/query/005_1_c1_001000.png', 'LTCC_ReID/query/005_c1_001000.png'),
        ('ltcc', 'LTCC_ReID/test/005_1_c1_001001.png', 'LTCC_ReID/test/copy of 005_1_c1_001001.png'),
    ],
)
def test_a_name_that_does_not_fit_is_refused_by_name(root, name, old, new):
    (root / old).rename(root / new)
    with pytest.raises(DatasetError, match=new):
        load_dataset(name, root)


def test_other_files_and_hidden_ones_are_left_out(name, root):
    before = load_dataset(name, root)
    beside = before.train[0].path
    for other in (beside.with_name(f'._{beside.name}'), beside.with_name('Thumbs.db'), beside.with_name('read me.txt')):
        other.write_bytes(b'x')
    assert load_dataset(name, root) == before
