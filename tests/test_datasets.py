"""The `folder` layout, its protocols, and validation people."""

import pytest

from ifd_zoo.datasets import DatasetError, RecordDataset, load_dataset
from ifd_zoo.datasets.validation import hold_out
from ifd_zoo.transforms import EvalTransform
from tests.trees import write_folder_tree


@pytest.fixture
def root(tmp_path):
    return write_folder_tree(tmp_path / 'tree')


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    return load_dataset('folder', write_folder_tree(tmp_path_factory.mktemp('tree')))


def test_the_folder_layout_is_read_in_full(root):
    dataset = load_dataset('folder', root)
    assert dataset.num_pids == 6
    splits = [(split.name, len(split.records), split.expected) for split in dataset.splits]
    assert splits == [('train', 6 * 2 * 3, {}), ('query', 3 * 2, {}), ('gallery', 3 * 2 * 2, {})]
    assert sorted({record.pid for record in dataset.train}) == list(range(6))
    assert [protocol.mode for protocol in dataset.protocols] == ['general', 'cc', 'sc']
    for protocol in dataset.protocols:
        assert (dataset.train, protocol.query, protocol.gallery) == tuple(split.records for split in dataset.splits)
    record = next(r for r in dataset.train if r.path.match('train/0002/1/c2_1.jpg'))
    assert (record.pid, record.camid) == (2, 2)
    assert record.label_map == root / 'parsing/train/0002/1/c2_1.png'


def test_outfit_ids_are_unique_over_persons_and_shared_by_query_and_gallery(dataset):
    by_outfit = {}
    for record in dataset.protocols[0].query + dataset.protocols[0].gallery:
        by_outfit.setdefault(record.clothes_id, set()).add((record.pid, record.path.parts[-2]))
    assert len(by_outfit) == 6 and all(len(pairs) == 1 for pairs in by_outfit.values())


def test_records_come_in_sorted_order(dataset):
    paths = [record.path for record in dataset.train]
    assert paths == sorted(paths)


def test_only_the_base_name_is_parsed(tmp_path):
    dataset = load_dataset('folder', write_folder_tree(tmp_path / 'c9_mnt' / '0001_c7_2'))
    assert {record.camid for record in dataset.train} == {0, 1, 2, 3}


def test_names_of_people_and_outfits_may_be_words(root):
    (root / 'train/0003').rename(root / 'train/zoe')
    (root / 'train/zoe/0').rename(root / 'train/zoe/red coat')
    dataset = load_dataset('folder', root)
    assert {record.pid for record in dataset.train if record.path.parts[-3] == 'zoe'} == {5}


def test_hidden_files_and_folders_are_left_out(root):
    before = load_dataset('folder', root)
    for name in ('train/0000/0/._c0_0.jpg', 'train/0000/.cache/c0_0.jpg', 'train/.trash/0/c0_0.jpg'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'x')
    assert load_dataset('folder', root) == before


def test_a_file_name_without_camera_is_refused_by_name(root):
    (root / 'train/0000/0/c0_0.jpg').rename(root / 'train/0000/0/photo.jpg')
    with pytest.raises(DatasetError, match='photo.jpg'):
        load_dataset('folder', root)


@pytest.mark.parametrize('name, word', [('prcd', 'unknown data set'), ('folder', 'no such folder')])
def test_unknown_names_and_folders_are_refused(tmp_path, name, word):
    with pytest.raises(DatasetError, match=word):
        load_dataset(name, tmp_path / 'nothing')


def test_items_carry_the_three_pictures_and_the_labels(dataset):
    item = RecordDataset(dataset.train, EvalTransform((32, 16)))[4]
    assert item['image'].shape == item['masked'].shape == (3, 32, 16) and item['clothing'].shape == (1, 32, 16)
    assert 0 < item['clothing'].mean() < 1
    assert (item['pid'], item['camid'], item['index']) == (dataset.train[4].pid, dataset.train[4].camid, 4)


@pytest.mark.parametrize('name', ['train/0000/0/c0_0.jpg', 'parsing/train/0000/0/c0_0.png'])
def test_an_image_or_a_label_map_that_is_no_picture_is_named(root, name):
    (root / name).write_bytes(b'not a picture')
    with pytest.raises(DatasetError, match=name):
        RecordDataset(load_dataset('folder', root).train, EvalTransform((32, 16)))[0]


def test_validation_people_leave_training_and_become_the_protocols(dataset):
    held = hold_out(dataset, 2)
    assert held.num_pids == 4 and {r.pid for r in held.train} == {0, 1, 2, 3}
    for protocol in held.protocols:
        assert {r.pid for r in protocol.query} == {r.pid for r in protocol.gallery} == {4, 5}
        assert len(protocol.query) == 2 * 2 and len(protocol.gallery) == 2 * 2 * 2
        assert not set(protocol.query) & set(protocol.gallery)


@pytest.mark.parametrize('number', [0, 6, 7])
def test_validation_must_leave_somebody_to_train_on(dataset, number):
    with pytest.raises(DatasetError, match='hold out'):
        hold_out(dataset, number)
