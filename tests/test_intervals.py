"""Intervals over people: against a slow loop, and through the script."""

import json
from dataclasses import replace

import numpy as np
import pytest

from eval import intervals
from eval import run as eval_run
from eval.bootstrap import bootstrap_mean
from eval.measure import with_swapped_maps
from eval.reports.rows import Row, read_row
from ifd_zoo.datasets import load_dataset
from tests.extraction import MODEL
from tests.trees import write_folder_tree


def test_people_are_drawn_whole_and_their_queries_count_alike():
    values, pids = np.array([1.0, 0, 0, 1, 1, 1]), np.array([7, 7, 7, 2, 2, 9])
    own = {pid: values[pids == pid] for pid in (2, 7, 9)}
    drawn = np.random.default_rng(0).integers(3, size=(500, 3))
    means = [np.concatenate([own[(2, 7, 9)[index]] for index in people]).mean() for people in drawn]
    found = bootstrap_mean(values, pids, resamples=500)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))


def test_trainings_are_drawn_too_and_widen_the_interval():
    rng = np.random.default_rng(3)
    values, pids = rng.random((3, 40)) + np.array([[0.0], [0.3], [0.9]]), np.arange(40)
    found = bootstrap_mean(values, pids)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low > 5 * (lambda one: one.high - one.low)(bootstrap_mean(values.mean(0), pids))
    assert found.low < values[0].mean() + 0.2 and found.high > values[2].mean() - 0.2


def test_equal_trainings_are_as_sure_as_one():
    values = np.random.default_rng(4).random(30)
    assert bootstrap_mean(np.stack([values] * 4), np.arange(30)) == pytest.approx(bootstrap_mean(values, np.arange(30)))


def test_no_queries_are_refused():
    with pytest.raises(ValueError, match='at least one query'):
        bootstrap_mean(np.array([]), np.array([]))


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_folder_tree(tmp_path_factory.mktemp('data'), test=4)


@pytest.fixture
def measure(root, tmp_path):
    def rows(*flags):
        given = ['--root', str(root), '--workers', '0', '--device', 'cpu', '--json', str(tmp_path / 'x.json')]
        assert intervals.main(['--models', *flags, *given]) == 0
        return json.loads((tmp_path / 'x.json').read_text())

    return rows


def test_the_script_has_the_figures_of_eval_run_and_no_difference_to_itself(root, measure, tmp_path, capsys):
    flags = ['--model', MODEL, '--root', str(root), '--workers', '0', '--device', 'cpu', '--output', str(tmp_path)]
    assert eval_run.main(flags) == 0
    expected = {row['protocol']: row for row in json.loads((tmp_path / 'figures.json').read_text())['protocols']}
    rows = measure(MODEL, f'{MODEL}=neck', f'{MODEL}=pooled')
    assert [row['row'] for row in rows] == [MODEL, f'{MODEL}, neck', f'{MODEL}, pooled'] * 3
    for row in rows[::3]:
        for figure in ('rank1', 'mAP'):
            assert row[figure]['value'] == pytest.approx(expected[row['protocol']][figure], abs=0.01)
            assert row[figure]['low'] <= row[figure]['value'] <= row[figure]['high']
    assert all(set(row['mAP_difference'].values()) == {0.0} for row in rows[1::3])
    assert '| cc | ' in capsys.readouterr().out


def test_a_share_of_the_masks_is_exchanged_and_each_is_another_images(root):
    records = load_dataset('folder', root).protocols[0].gallery
    wrong = with_swapped_maps(records, 0.5)
    moved = [one.label_map != own.label_map for one, own in zip(wrong, records, strict=True)]
    assert sum(moved) == round(len(records) / 2) and sorted(one.label_map for one in wrong) == sorted(
        one.label_map for one in records)
    assert [replace(one, label_map=None) for one in wrong] == [replace(one, label_map=None) for one in records]
    assert with_swapped_maps(records, 0) == list(records)


def test_wrong_masks_change_the_answers_of_models_that_use_masks_alone(measure):
    found = [measure(MODEL, 'ifd_baseline_resnet10t.synthetic', '--wrong', share) for share in ('0', '1')]
    own, other = ([[row['mAP'] for row in rows[place::2]] for rows in found] for place in (0, 1))
    assert own[0] != own[1] and other[0] == other[1]


@pytest.mark.parametrize('flags, words', [
    (['--wrong', '1.5'], "must be a number from 0 to 1, got '1.5'"),
    (['--wrong', 'nan'], "must be a number from 0 to 1, got 'nan'"),
    (['--wrong', '0.5', '--masks', 'none'], '--wrong: '),
])
def test_wrong_masks_that_cannot_be_are_refused(flags, words, root, capsys):
    try:
        assert intervals.main(['--models', MODEL, '--root', str(root), *flags]) == 2
    except SystemExit as stopped:
        assert stopped.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize('text, expected', [
    ('a', Row('a', ('a',))),
    ('a=pooled', Row('a, pooled', ('a',), 'pooled')),
    ('a,b', Row('a and 1 more', ('a', 'b'))),
    ('IFD=a', Row('IFD', ('a',))),
    ('IFD = a, b =neck', Row('IFD', ('a', 'b'), 'neck')),
])
def test_a_row_has_a_label_models_and_a_test_feature(text, expected):
    assert read_row(text) == expected


@pytest.mark.parametrize('text', ['', '=a', 'IFD=', 'IFD=,', 'IFD=a=nothing', '=pooled'])
def test_another_form_is_refused_before_anything_is_loaded(text, root, capsys):
    with pytest.raises(SystemExit, match='2'):
        intervals.main(['--models', text, '--root', str(root)])
    assert 'FEATURE being neck, pooled' in capsys.readouterr().err
