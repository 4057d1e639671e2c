"""Labels and protocols of VC-Clothes, LaST, DeepChange, Celeb-reID and Market-1501, on small trees in their layouts."""

import numpy as np
import pytest
import torch

from eval.metrics import judge
from ifd_zoo.datasets import DATASETS, load_dataset
from tests.labels import figures, find, labels, protocol_arguments
from tests.trees import PUBLISHED_TREES
from train.losses import ClothingContrastiveLoss

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')


@pytest.fixture
def load(tmp_path):
    return lambda name: load_dataset(name, PUBLISHED_TREES[name].write(tmp_path))


def test_every_data_set_has_a_tree_in_its_layout():
    assert {*PUBLISHED_TREES, 'folder'} == set(DATASETS), 'a reader and its tree in tests/trees.py go together'


def judgement(protocol):
    """Numbers of relevant and of junk images per query, in the order of the queries."""
    return tuple(part.sum(1).tolist() for part in judge(*protocol_arguments(protocol)))


def test_vc_clothes_reads_pid_camera_and_outfit(load):
    dataset = load('vc_clothes')
    assert len(dataset.train) == 16 and dataset.num_pids == 2
    assert labels(find(dataset.train, '0003-01-02-00.jpg')) == (0, 1, 1)
    assert labels(find(dataset.train, '0012-03-01-01.jpg')) == (1, 3, 2)
    changed = dataset.protocols[2]
    assert labels(find(changed.query, '0005-04-02-00.jpg')) == (5, 4, 1)
    assert labels(find(changed.gallery, '0005-03-01-01.jpg')) == (5, 3, 0)
    assert labels(find(changed.gallery, '0040-04-01-01.jpg')) == (40, 4, 2)


def test_vc_clothes_names_may_have_underscores(tmp_path):
    root = PUBLISHED_TREES['vc_clothes'].write(tmp_path)
    before = load_dataset('vc_clothes', root).train
    for path in (root / 'VC-Clothes/train').iterdir():
        path.rename(path.with_name(path.name.replace('-', '_')))
    assert list(map(labels, load_dataset('vc_clothes', root).train)) == list(map(labels, before))


def test_vc_clothes_protocols_take_the_cameras_of_their_mode(load):
    protocols = load('vc_clothes').protocols
    published = [('cameras 2 and 3', 'general'), ('cameras 3 and 4', 'general')]
    assert [(protocol.name, protocol.mode) for protocol in protocols] == [
        *((mode, mode) for mode in ('general', 'sc', 'cc')), *published,
    ]
    for protocol, cameras in zip(protocols, ({1, 2, 3, 4}, {2, 3}, {3, 4}, {2, 3}, {3, 4}), strict=True):
        assert {r.camid for r in protocol.query} == {r.camid for r in protocol.gallery} == cameras


def test_vc_clothes_counts_as_valid_what_the_cameras_of_a_protocol_allow(load):
    general, same, changed, *published = load('vc_clothes').protocols
    assert judgement(general) == ([3] * 8, [1] * 8)
    assert judgement(same) == ([1] * 4, [1] * 4)
    # Person 40 wears one outfit before cameras 3 and 4.
    assert judgement(changed) == ([1, 1, 0, 0], [1, 1, 2, 2])
    assert [figures(protocol)['valid_queries'] for protocol in (general, same, changed)] == [8, 4, 2]
    # The published form asks for no outfit, so person 40 counts before both pairs of cameras.
    assert [judgement(protocol) for protocol in published] == [([1] * 4, [1] * 4)] * 2


def test_last_has_outfits_in_training_only_and_a_camera_per_image(load):
    dataset = load('last')
    assert len(dataset.train) == 8 and dataset.num_pids == 2
    assert labels(find(dataset.train, '000002_0001_02.jpg')) == (0, 3, 1)
    assert labels(find(dataset.train, '000010_0000_01.jpg')) == (1, 4, 2)
    (protocol,) = dataset.protocols
    assert (protocol.name, protocol.mode) == ('general', 'general')
    assert list(map(labels, protocol.query)) == [(5, 0, 0), (40, 1, 1)]
    assert list(map(labels, protocol.gallery)) == [(5, 2, 0), (5, 3, 0), (40, 4, 1), (40, 5, 1), (99, 6, 2), (99, 7, 2)]
    assert judgement(protocol) == ([2, 2], [0, 0]) and figures(protocol)['valid_queries'] == 2


def test_deepchange_takes_outfits_from_days_and_cameras_from_tracklets(load):
    dataset = load('deepchange')
    assert len(dataset.train) == 8 and dataset.num_pids == 2
    assert labels(find(dataset.train, 'P2_C1_20200102_12_22_0.jpg')) == (0, 22, 1)
    assert labels(find(dataset.train, 'P10_C1_20200101_12_101_1.jpg')) == (1, 101, 2)
    (protocol,) = dataset.protocols
    assert labels(find(protocol.query, 'P40_*.jpg')) == (40, 9, 1)
    assert labels(find(protocol.gallery, 'P5_*_8_1.jpg')) == (5, 8, 0)


def test_deepchange_has_only_the_own_tracklet_as_junk(load):
    (protocol,) = load('deepchange').protocols
    assert [record.pid for record in protocol.query] == [40, 5] and protocol.mode == 'general'
    # Person 5 was before the same camera a second time, person 40 was seen once.
    assert judgement(protocol) == ([0, 2], [1, 1]) and figures(protocol)['valid_queries'] == 1


def test_deepchange_leaves_out_images_that_are_not_listed(tmp_path, load):
    before = load('deepchange')
    (tmp_path / 'DeepChangeDataset/test-set-query/P7_C1_20200101_12_1_1.jpg').write_bytes(b'x')
    assert load_dataset('deepchange', tmp_path) == before


def test_celeb_reid_has_one_outfit_per_person_and_a_camera_per_image(load):
    dataset = load('celeb_reid')
    assert labels(find(dataset.train, '10_1_0.jpg')) == (1, 0, 1)
    assert labels(find(dataset.train, '2_3_0.jpg')) == (0, 5, 0)
    (protocol,) = dataset.protocols
    assert (protocol.name, protocol.mode) == ('general', 'general')
    assert list(map(labels, protocol.query)) == [(40, 0, 1), (5, 1, 0)]
    assert list(map(labels, protocol.gallery)) == [(40, 2, 1), (40, 3, 1), (5, 4, 0), (5, 5, 0)]
    assert judgement(protocol) == ([2, 2], [0, 0]) and figures(protocol)['valid_queries'] == 2


def test_celeb_reid_weighs_all_pairs_of_the_clothing_contrastive_loss_alike(load):
    train = load('celeb_reid').train
    pids, clothes_ids = (torch.tensor([getattr(r, name) for r in train]) for name in ('pid', 'clothes_id'))
    features = torch.nn.functional.normalize(torch.randn(len(train), 8, generator=torch.Generator().manual_seed(0)))
    loss = ClothingContrastiveLoss()
    assert torch.equal(loss(features, pids, clothes_ids, T=0.5), loss(features, pids, clothes_ids, T=1.0))


def test_market1501_keeps_distractors_and_drops_junk(load):
    dataset = load('market1501')
    assert len(dataset.train) == 8 and dataset.num_pids == 2
    assert labels(find(dataset.train, '0002_c2s1_001001_01.jpg')) == (0, 2, 0)
    (protocol,) = dataset.protocols
    assert (protocol.name, protocol.mode) == ('general', 'general')
    assert labels(find(protocol.gallery, '0000_c1s1_000151_02.jpg')) == (0, 1, 0)
    assert sorted({record.pid for record in protocol.gallery}) == [0, 5, 40]
    assert list(map(labels, protocol.query)) == [(5, 1, 1), (5, 2, 1), (40, 3, 2)]


def test_market1501_queries_need_another_camera(load):
    (protocol,) = load('market1501').protocols
    assert judgement(protocol) == ([1, 1, 0], [1, 1, 1]) and figures(protocol)['valid_queries'] == 2
    relevant, junk = judge(*protocol_arguments(protocol))
    distractor = [record.pid for record in protocol.gallery].index(0)
    assert not np.any(relevant[:, distractor] | junk[:, distractor])
