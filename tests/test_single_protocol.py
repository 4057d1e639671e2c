"""PRCC's protocols with one random gallery image per person."""

import shutil

import pytest

from eval.metrics import judge
from ifd_zoo.datasets import load_dataset
from tests.labels import figures, protocol_arguments
from tests.trees import write_prcc_tree

# No small tree has the published number of images.
pytestmark = pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')

PEOPLE = (4, 17, 40, 123)


@pytest.fixture
def root(tmp_path):
    return write_prcc_tree(tmp_path / 'data', test=PEOPLE)


def singles(root, name):
    return [protocol for protocol in load_dataset('prcc', root).protocols if protocol.name == name]


def names(records, root):
    return [record.path.relative_to(root).as_posix() for record in records]


@pytest.mark.parametrize('mode, camera', [('sc', 'B'), ('cc', 'C')])
def test_each_trial_has_one_image_per_person_and_all_queries(root, mode, camera):
    trials = singles(root, f'{mode}-single')
    assert [protocol.trial for protocol in trials] == list(range(10))
    assert {protocol.mode for protocol in trials} == {mode}
    for protocol in trials:
        assert [record.pid for record in protocol.gallery] == list(PEOPLE)
        assert {record.path.parts[-3] for record in protocol.gallery} == {'A'}
        assert {record.path.parts[-3] for record in protocol.query} == {camera}
        assert len(protocol.query) == 2 * len(PEOPLE)


def test_both_modes_draw_the_same_images_and_the_trials_differ(root):
    same, changed = singles(root, 'sc-single'), singles(root, 'cc-single')
    assert [protocol.gallery for protocol in same] == [protocol.gallery for protocol in changed]
    assert len({protocol.gallery for protocol in changed}) > 5
    assert len({record for protocol in changed for record in protocol.gallery}) == 2 * len(PEOPLE)


def test_the_draws_are_the_same_in_any_place_and_at_any_time(root, tmp_path):
    other = tmp_path / 'another/place'
    shutil.copytree(root, other)
    assert [names(p.gallery, root) for p in singles(root, 'cc-single')] == [
        names(p.gallery, other) for p in singles(other, 'cc-single')
    ]
    # Which image of each of the four persons; as of random.Random(trial).random(), the same in every version of Python.
    drawn = [''.join(record.path.stem[-1] for record in p.gallery) for p in singles(root, 'cc-single')]
    assert drawn[:3] == ['1100', '0110', '1100']


def test_every_query_has_one_right_answer_and_average_precision_is_one_over_its_rank(root):
    for protocol in singles(root, 'cc-single') + singles(root, 'sc-single'):
        relevant, junk = judge(*protocol_arguments(protocol))
        assert (relevant.sum(1) == 1).all() and not junk.any()
        values = figures(protocol)
        assert values['mAP'] == pytest.approx(values['mINP']) and values['mAP'] >= values['rank1']
