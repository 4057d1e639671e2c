"""Results that the comparison of a study stores next to each run."""

import shutil

import pytest
import timm
import torch

from eval.bootstrap import answer, read_answers, write_answers
from eval.measure import Setting
from ifd_zoo.common.choices import LABEL_MAPS, NO_MASKS
from ifd_zoo.hub import load_model, save_release
from tests.trees import write_folder_tree
from train.studies.pairs import Row, compare, masks_at_test, measure

INFO = {'input_size': [3, 64, 32], 'training': {'precision': 'fp32'}}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs') / 'ikt-seed0'
    write_folder_tree(folder.parent / 'tree', train=2, test=3)
    torch.manual_seed(0)
    model = timm.create_model('ifd_resnet10t', backbone='test_efficientnet')
    save_release(model, folder / 'release', 'test', INFO)
    return folder


def figures(answers):
    return [(one.protocol, *one.scores.figures().values(), *one.pids) for one in answers]


def test_a_run_is_measured_once_and_read_afterwards(run):
    data = {'data': 'folder', 'root': run.parent / 'tree', 'workers': 0, 'device': 'cpu'}
    row = Row('ikt', 'w/ IKT', (run / 'release',), LABEL_MAPS)
    first = measure(row, data)
    for name, feature in (('own', 'neck'), ('pooled', 'pooled'), ('both', 'pooled+attention')):
        expected = answer(load_model(run / 'release', feature), Setting(**data))
        assert figures(first[name][0]) == figures(expected)

    (stored,) = run.glob('answers-own-*.npz')
    changed = read_answers(stored)
    changed[0].scores.first_hit[0] += 1
    write_answers(stored, changed)
    (run / 'release' / 'model.safetensors').unlink()
    again = measure(row, data)
    assert figures(again['own'][0]) == figures(changed)
    for name in ('pooled', 'both'):
        assert figures(again[name][0]) == figures(first[name][0])


def test_other_weights_in_the_same_folder_are_measured_anew(run, tmp_path):
    data = {'data': 'folder', 'root': run.parent / 'tree', 'workers': 0, 'device': 'cpu'}
    model = timm.create_model('ifd_baseline_resnet10t', backbone='test_efficientnet')
    save_release(model, tmp_path / 'release', 'test', INFO)
    measure(Row('baseline', '', (tmp_path / 'release',), NO_MASKS), data)
    torch.nn.init.zeros_(next(model.parameters()))
    save_release(model, tmp_path / 'release', 'test', INFO)
    measure(Row('baseline', '', (tmp_path / 'release',), NO_MASKS), data)
    assert len([*tmp_path.glob('answers-own-*.npz')]) == 2


def test_maps_of_the_training_serve_the_test_of_a_run_that_sees_masks(tmp_path):
    flags = {'variant': 'ifd', 'masks': 'bundled'}
    assert masks_at_test(flags, tmp_path / 'none') == 'bundled'
    assert masks_at_test(flags, tmp_path) == str(tmp_path)
    assert masks_at_test(flags | {'variant': 'baseline'}, tmp_path) == NO_MASKS
    assert masks_at_test(flags | {'masks': NO_MASKS}, tmp_path) == NO_MASKS


def test_a_step_is_the_difference_between_two_rows_that_a_study_has(run):
    data = {'data': 'folder', 'root': run.parent / 'tree', 'workers': 0, 'device': 'cpu'}
    measure(Row('ikt', '', (run / 'release',), LABEL_MAPS), data)
    other = run.parent / 'masked-seed0'
    shutil.copytree(run, other)
    (stored,) = other.glob('answers-both-*.npz')
    changed = read_answers(stored)
    for answers in changed:
        answers.scores.average_precision[:] = 0
    write_answers(stored, changed)
    rows = [Row(arm, arm, (run.parent / f'{arm}-seed0' / 'release',), LABEL_MAPS) for arm in ('masked', 'ikt')]
    found = compare(rows, data)
    assert {row['row'] for row in found['steps']} == {'the main stream, beside the masked one'}
    for step, row in zip(found['steps'], found['both'][1::2], strict=True):
        assert step['protocol'] == row['protocol']
        assert step['mAP_difference'] == row['mAP_difference'] == row['mAP'] != step['rank1_difference']
