"""Labels and protocols of PRCC and LTCC, on small trees in their layouts."""

import shutil

import pytest

from eval.metrics import judge
from ifd_zoo.datasets import load_dataset
from tests.labels import figures, find, labels, protocol_arguments
from tests.trees import write_ltcc_tree, write_prcc_tree

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')


@pytest.fixture
def prcc_root(tmp_path):
    return write_prcc_tree(tmp_path / 'data')


@pytest.fixture
def ltcc_root(tmp_path):
    return write_ltcc_tree(tmp_path / 'data')


def test_prcc_reads_pid_camera_and_outfit(prcc_root):
    dataset = load_dataset('prcc', prcc_root)
    assert len(dataset.train) == 3 * 3 * 2 and dataset.num_pids == 3
    train = {key: labels(find(dataset.train, f'{key}_cropped_rgb000.jpg')) for key in ('002/A', '010/B', '031/C')}
    assert train == {'002/A': (0, 0, 0), '010/B': (1, 1, 2), '031/C': (2, 2, 5)}
    same, changed, *_ = dataset.protocols
    assert labels(find(same.gallery, 'A/004/cropped_rgb000.jpg')) == (4, 0, 0)
    assert labels(find(same.query, 'B/004/cropped_rgb000.jpg')) == (4, 1, 0)
    assert labels(find(changed.query, 'C/040/cropped_rgb001.jpg')) == (40, 2, 3)


def test_prcc_protocols_rank_the_whole_of_camera_a(prcc_root):
    same, changed, *_ = load_dataset('prcc', prcc_root).protocols
    assert [(same.name, same.mode), (changed.name, changed.mode)] == [('sc-all', 'sc'), ('cc-all', 'cc')]
    assert same.gallery == changed.gallery and len(same.gallery) == 2 * 2
    assert {record.path.parts[-3] for record in same.gallery} == {'A'}
    assert {record.path.parts[-3] for record in same.query} == {'B'}
    assert {record.path.parts[-3] for record in changed.query} == {'C'}


def test_prcc_has_no_junk_and_all_queries_are_valid(prcc_root):
    for protocol in load_dataset('prcc', prcc_root).protocols[:2]:
        relevant, junk = judge(*protocol_arguments(protocol))
        assert not junk.any() and (relevant.sum(1) == 2).all()
        assert figures(protocol)['valid_queries'] == len(protocol.query) == 4


def test_prcc_queries_of_a_person_outside_the_gallery_are_not_valid(prcc_root):
    shutil.rmtree(prcc_root / 'rgb/test/A/040')
    assert {figures(protocol)['valid_queries'] for protocol in load_dataset('prcc', prcc_root).protocols} == {2}


def test_ltcc_reads_pid_camera_and_outfit(ltcc_root):
    dataset = load_dataset('ltcc', ltcc_root)
    assert len(dataset.train) == 3 * 2 * 4 and dataset.num_pids == 3
    assert labels(find(dataset.train, '003_1_c1_001000.png')) == (0, 1, 0)
    assert labels(find(dataset.train, '012_2_c12_001003.png')) == (1, 12, 3)
    assert labels(find(dataset.train, '100_1_c1_001001.png')) == (2, 1, 4)
    for protocol in dataset.protocols:
        assert labels(find(protocol.query, '040_1_c1_001000.png')) == (40, 1, 2)
        assert labels(find(protocol.gallery, '040_1_c12_001002.png')) == (40, 12, 2)
        assert labels(find(protocol.gallery, '005_2_c1_001001.png')) == (5, 1, 1)


def test_ltcc_protocols_share_queries_and_gallery(ltcc_root):
    general, changed = load_dataset('ltcc', ltcc_root).protocols
    assert [(general.name, general.mode), (changed.name, changed.mode)] == [('general', 'general'), ('cc', 'cc')]
    assert general.query == changed.query and general.gallery == changed.gallery
    assert (len(general.query), len(general.gallery)) == (3, 9)


def test_ltcc_queries_without_another_outfit_are_valid_in_general_only(ltcc_root):
    general, changed = load_dataset('ltcc', ltcc_root).protocols
    assert figures(general)['valid_queries'] == 3 and figures(changed)['valid_queries'] == 2
    relevant, junk = judge(*protocol_arguments(changed))
    # Person 5: camera 12 in the other outfit is right; the own outfit (3 images) and camera 1 (1 image) are junk.
    assert relevant.sum(1).tolist() == [2, 2, 0] and junk.sum(1).tolist() == [4, 4, 3]
