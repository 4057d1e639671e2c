"""Published data sets with something missing, too much, or wrongly named."""

import shutil
import warnings

import pytest

from ifd_zoo.datasets import DatasetError, Split, load_dataset
from ifd_zoo.datasets.base import read_image
from ifd_zoo.datasets.common import CountWarning, check_counts
from tests.trees import PUBLISHED_TREES, write_deepchange_tree, write_prcc_tree

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')

MARKET = 'Market-1501-v15.09.15'
SPLITS = [(name, folder) for name, tree in PUBLISHED_TREES.items() for folder in tree.splits]


@pytest.fixture(params=PUBLISHED_TREES)
def name(request):
    return request.param


@pytest.fixture
def root(tmp_path, name):
    return PUBLISHED_TREES[name].write(tmp_path / 'data')


def test_other_counts_than_the_published_ones_are_warned_about(name, root):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        load_dataset(name, root)
    assert {warning.category for warning in caught} <= {CountWarning}
    assert [str(warning.message) for warning in caught] == PUBLISHED_TREES[name].warnings


def test_the_right_counts_give_no_warning(tmp_path):
    train = load_dataset('prcc', write_prcc_tree(tmp_path)).train
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_counts('PRCC', (Split('train', train, {'images': 18, 'persons': 3, 'outfits': 6}),))


def test_a_root_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(DatasetError, match='nothing: no such folder'):
        load_dataset(name, tmp_path / 'nothing')


def test_a_root_without_the_layout_is_told_what_was_looked_for(tmp_path, name):
    folder = PUBLISHED_TREES[name].splits[0].split('/')[0]
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
        ('vc_clothes', 'VC-Clothes/query/0005-01-02-00.jpg', 'VC-Clothes/query/0005-c01-02-00.jpg'),
        ('last', 'last/train/000002/000002_0000_01.jpg', 'last/train/000002/anna_0000_01.jpg'),
        ('last', 'last/test/query/000005_0002.jpg', 'last/test/query/000005.jpg'),
        ('celeb_reid', 'Celeb-reID/gallery/5_2_0.jpg', 'Celeb-reID/gallery/5_2.jpg'),
        ('market1501', f'{MARKET}/query/0005_c1s1_001000_00.jpg', f'{MARKET}/query/-5_c1s1_001000_00.jpg'),
    ],
)
def test_a_name_that_does_not_fit_is_refused_by_name(root, name, old, new):
    (root / old).rename(root / new)
    with pytest.raises(DatasetError, match=new):
        load_dataset(name, root)


def test_deepchange_lists_must_name_files_that_are_there(tmp_path):
    folder = write_deepchange_tree(tmp_path) / 'DeepChangeDataset'
    next((folder / 'train-set').glob('P10_*')).unlink()
    with pytest.raises(DatasetError, match='train-set: 1 listed images are missing, such as P10_'):
        load_dataset('deepchange', tmp_path)


@pytest.mark.parametrize('line', ['P5_C1_20200101_12_7_0.jpg', 'P5_C1_20200101_12_7_0.jpg,x'])
def test_deepchange_lists_must_name_tracklets(tmp_path, line):
    path = write_deepchange_tree(tmp_path) / 'DeepChangeDataset/test-set-query-bbox.txt'
    path.write_text(f'\n{line}\n')
    with pytest.raises(DatasetError, match='test-set-query-bbox.txt:2: .*<tracklet>'):
        load_dataset('deepchange', tmp_path)


def test_deepchange_lists_may_have_further_fields(tmp_path):
    before = load_dataset('deepchange', write_deepchange_tree(tmp_path))
    path = tmp_path / 'DeepChangeDataset/test-set-query-bbox.txt'
    path.write_text(path.read_text().replace('\n', ', 12,34\n'))
    assert load_dataset('deepchange', tmp_path) == before


def test_deepchange_is_not_read_without_its_lists(tmp_path):
    (write_deepchange_tree(tmp_path) / 'DeepChangeDataset/train-set-bbox.txt').unlink()
    with pytest.raises(DatasetError, match='train-set-bbox.txt: no such file'):
        load_dataset('deepchange', tmp_path)


def test_deepchange_names_are_checked(tmp_path):
    folder = write_deepchange_tree(tmp_path) / 'DeepChangeDataset'
    (folder / 'train-set/P2_C1_20200101_12_21_0.jpg').rename(folder / 'train-set/P2_1_20200101_12_21_0.jpg')
    lines = (folder / 'train-set-bbox.txt').read_text()
    (folder / 'train-set-bbox.txt').write_text(lines.replace('P2_C1_20200101_12_21_0', 'P2_1_20200101_12_21_0'))
    with pytest.raises(DatasetError, match='P2_1_20200101_12_21_0.jpg: the file name must be'):
        load_dataset('deepchange', tmp_path)


def all_labels(name, root):
    dataset = load_dataset(name, root)
    sides = [dataset.train, *(side for protocol in dataset.protocols for side in (protocol.query, protocol.gallery))]
    return [[(r.pid, r.camid, r.clothes_id, r.label_map is None) for r in side] for side in sides]


def image_files(root, name):
    folders = [root / split for split in PUBLISHED_TREES[name].splits]
    return [path for folder in folders for path in sorted(folder.rglob('*.*')) if path.is_file()]


def test_other_files_and_hidden_ones_are_left_out(name, root):
    before = load_dataset(name, root)
    beside = before.train[0].path
    others = [beside.with_name(other) for other in (f'._{beside.name}', 'Thumbs.db', 'read me.txt')]
    hidden = [root / folder / '.ipynb_checkpoints' / beside.name for folder in PUBLISHED_TREES[name].splits]
    for other in (*others, *hidden):
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b'x')
    assert load_dataset(name, root) == before


def test_an_empty_folder_of_a_person_is_harmless(name, root):
    before = load_dataset(name, root)
    for folder in PUBLISHED_TREES[name].splits:
        (root / folder / '0077').mkdir()
    assert load_dataset(name, root) == before


def test_suffixes_may_be_in_capitals(name, root):
    before = all_labels(name, root)
    for path in image_files(root, name):
        path.rename(path.with_suffix(path.suffix.upper()))
    assert all_labels(name, root) == before


def test_links_to_files_are_followed(tmp_path, name, root):
    before = load_dataset(name, root)
    store = tmp_path / 'c9s9_store'
    store.mkdir()
    for number, path in enumerate(image_files(root, name)):
        path.rename(store / f'{number}.bin')
        path.symlink_to(store / f'{number}.bin')
    assert load_dataset(name, root) == before
    assert read_image(before.train[0].path).size == (32, 64)
