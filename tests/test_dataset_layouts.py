"""What holds for all published data sets, and what is refused: something missing, too much, or wrongly named."""

import shutil
import warnings

import pytest

from ifd_zoo.datasets import DatasetError, Split, load_dataset
from ifd_zoo.datasets.base import read_image
from ifd_zoo.datasets.common import CountWarning, check_counts
from tests.labels import labels
from tests.trees import PUBLISHED_TREES, write_deepchange_tree, write_prcc_tree

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')

MARKET = 'Market-1501-v15.09.15'


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


def test_a_root_that_does_not_exist_or_has_another_layout_is_named(tmp_path, name):
    with pytest.raises(DatasetError, match='nothing: no such folder'):
        load_dataset(name, tmp_path / 'nothing')
    folder = PUBLISHED_TREES[name].splits[0].split('/')[0]
    with pytest.raises(DatasetError, match=f'train.* in .*{folder}'):
        load_dataset(name, tmp_path)


def test_a_split_that_is_missing_or_empty_is_named(name, root):
    for split in PUBLISHED_TREES[name].splits:
        (root / split).rename(root / 'aside')
        with pytest.raises(DatasetError, match=f'{split}: no such folder'):
            load_dataset(name, root)
        (root / split).mkdir()
        with pytest.raises(DatasetError, match=f'{split}: no image'):
            load_dataset(name, root)
        (root / split).rmdir()
        (root / 'aside').rename(root / split)


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


def test_deepchange_is_not_read_without_its_lists_or_with_other_names(tmp_path):
    folder = write_deepchange_tree(tmp_path) / 'DeepChangeDataset'
    (folder / 'train-set/P2_C1_20200101_12_21_0.jpg').rename(folder / 'train-set/P2_1_20200101_12_21_0.jpg')
    lines = folder / 'train-set-bbox.txt'
    lines.write_text(lines.read_text().replace('P2_C1_20200101_12_21_0', 'P2_1_20200101_12_21_0'))
    with pytest.raises(DatasetError, match='P2_1_20200101_12_21_0.jpg: the file name must be'):
        load_dataset('deepchange', tmp_path)
    lines.unlink()
    with pytest.raises(DatasetError, match='train-set-bbox.txt: no such file'):
        load_dataset('deepchange', tmp_path)


def sides(dataset):
    """Training, and queries and gallery of each protocol."""
    return [dataset.train, *(side for protocol in dataset.protocols for side in (protocol.query, protocol.gallery))]


def all_labels(name, root):
    return [[(*labels(r), r.label_map is None) for r in side] for side in sides(load_dataset(name, root))]


def test_records_are_sorted_and_have_the_label_maps_at_the_same_path_below_parsing(name, root):
    for records in sides(load_dataset(name, root)):
        paths = [record.path for record in records]
        assert paths == sorted(paths)
        assert all(r.label_map == (root / 'parsing' / r.path.relative_to(root)).with_suffix('.png') for r in records)


def test_a_missing_label_map_is_none(name, root):
    load_dataset(name, root).train[0].label_map.unlink()
    assert [record.label_map for record in load_dataset(name, root).train].count(None) == 1


def test_outfits_are_unique_over_persons(name, root):
    dataset = load_dataset(name, root)
    for records in (dataset.train, *(protocol.query + protocol.gallery for protocol in dataset.protocols)):
        pairs = {(record.clothes_id, record.pid) for record in records}
        assert len(pairs) == len({record.clothes_id for record in records})


def test_the_path_above_does_not_matter(tmp_path, name, root):
    hostile = tmp_path / 'my_code_c3/2024_01_c3/0001_2_c7_5/A_1/P9_C8_7/[x]*/7-8-9-1/B_x/rgb/test/C/007/data'
    shutil.copytree(root, hostile)
    assert all_labels(name, hostile) == all_labels(name, root)


def test_other_files_hidden_ones_and_empty_folders_are_left_out(name, root):
    before = load_dataset(name, root)
    beside = before.train[0].path
    others = [beside.with_name(other) for other in (f'._{beside.name}', 'Thumbs.db', 'read me.txt')]
    hidden = [root / folder / '.ipynb_checkpoints' / beside.name for folder in PUBLISHED_TREES[name].splits]
    for other in (*others, *hidden):
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b'x')
    for folder in PUBLISHED_TREES[name].splits:
        (root / folder / '0077').mkdir()
    assert load_dataset(name, root) == before


def test_images_may_be_links_and_have_suffixes_in_capitals(tmp_path, name, root):
    before = all_labels(name, root)
    store = tmp_path / 'c9s9_store'
    store.mkdir()
    images = [path for split in PUBLISHED_TREES[name].splits for path in (root / split).rglob('*.*')]
    for number, path in enumerate(images):
        path.rename(store / f'{number}.bin')
        path.with_suffix(path.suffix.upper()).symlink_to(store / f'{number}.bin')
    assert all_labels(name, root) == before
    assert read_image(load_dataset(name, root).train[0].path).size == (32, 64)


@pytest.mark.parametrize('name, val', [('prcc', 'rgb/val'), ('last', 'last/val')])
def test_validation_images_are_not_read(name, val, root):
    before = load_dataset(name, root)
    shutil.rmtree(root / val)
    assert load_dataset(name, root) == before


@pytest.mark.parametrize('name', sorted(PUBLISHED_TREES.keys() - {'prcc'}))  # which is folders beside each other
def test_a_data_set_is_found_by_its_parent_and_by_itself(name, root):
    outer, inner = load_dataset(name, root), load_dataset(name, root / PUBLISHED_TREES[name].splits[0].split('/')[0])
    assert [labels(record) for record in outer.train] == [labels(record) for record in inner.train]
    assert outer.train[0].path == inner.train[0].path


@pytest.mark.parametrize('name, below', [('prcc', 'prcc'), ('prcc', 'PRCC'), ('ltcc', 'ltcc'), ('ltcc', 'LTCC')])
def test_prcc_and_ltcc_are_found_one_folder_below(tmp_path, name, below):
    PUBLISHED_TREES[name].write(tmp_path / below)
    train = load_dataset(name, tmp_path).train
    assert train and all(record.path.is_relative_to(tmp_path / below) for record in train)
