"""`eval/scale.py`, `eval/scale_extract.py` and `eval/costs.py` as a user runs them, on little."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval import costs, scale, scale_extract, scale_index, scale_launch
from eval.flags import Setup

README = Path(__file__).resolve().parents[1] / 'README.md'


def figures_of(path):
    values = json.loads(path.read_text())
    assert values['machine']['cores'] >= 1
    return {figure['what']: figure for figure in values['figures']}


def test_an_index_is_built_searched_changed_and_compared_with_its_unit_and_faiss(tmp_path, capsys):
    flags = ['--rows', '2400', '--dim', '32', '--kinds', 'flat', 'hnsw', 'ivfpq', '--rounds', '2']
    assert scale.main([*flags, '--json', str(tmp_path / 'x.json'), '--folder', str(tmp_path)]) == 0
    figures = figures_of(tmp_path / 'x.json')
    assert [path.name for path in tmp_path.iterdir()] == ['x.json']  # what was built is gone
    assert figures['deleted people that are found']['value'] == 0
    for queries in ('1 query', '100 queries'):
        ours = figures[f'exact search, 2,400 rows, {queries}']
        ratio = figures[f'exact search, 2,400 rows, {queries}: ratio to its unit']
        assert ours['value'] > 0 and ratio['value'] > 0 and ratio['note'] == 'at most 1.5'
    for kind, least in (('flat', 1), ('hnsw', 0.9), ('ivfpq', 0.5)):
        assert figures[f'FAISS {kind}: recall@10, people in the index']['value'] >= least
        assert figures[f'FAISS {kind}: size']['value'] > 0
    assert 0 < figures['peak memory, built, searched and changed']['value'] < 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['| what | measured | |', '|---|---|---|'] and len(lines) == 2 + len(figures)


def test_rows_of_a_person_are_alike_and_of_unit_length():
    rows = scale_index.people(7, 3, 512)
    assert rows.shape == (60, 512) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    similarity = rows @ rows.T
    assert 0.5 < similarity[:20, :20].min() and abs(similarity[:20, 20:]).max() < 0.3
    again, others = scale_index.people(7, 3, 512), scale_index.people(8, 3, 512)
    assert np.array_equal(rows, again) and not np.array_equal(rows, others)


def test_two_processes_are_measured_beside_what_the_cores_allow(tmp_path):
    flags = ['--people', '1', '--setups', '2x1', '--tasks', 'masks', '--seconds', '0.2']
    assert scale_extract.main([*flags, '--json', str(tmp_path / 'x.json')]) == 0
    figures = figures_of(tmp_path / 'x.json')
    assert figures['floor: convolutions, 2 processes to 1']['value'] > 0.3
    assert figures['masks: other outputs than the first']['value'] == 0
    assert figures['masks: 2 processes with 1 thread']['value'] > 0
    assert figures['masks: a label map']['value'] > 100


def test_a_command_that_fails_is_shown(tmp_path):
    with pytest.raises(RuntimeError, match='no such folder'):
        scale_launch.run_task('masks', Setup(1, 1), tmp_path / 'nowhere', tmp_path)


@pytest.mark.parametrize('flags', [['--rows', '30'], ['--rows', '20'], ['--rounds', '0']])
def test_numbers_that_make_no_sense_are_refused(flags):
    with pytest.raises(SystemExit, match='2'):
        scale.main(flags)


@pytest.mark.parametrize('setup', ['2', '0x1', '1x', 'axb'])
def test_setups_that_make_no_sense_are_refused(setup):
    with pytest.raises(SystemExit, match='2'):
        scale_extract.main(['--setups', setup])


def test_the_costs_are_those_in_the_readme(capsys):
    assert costs.main([]) == 0
    table = capsys.readouterr().out
    assert table in README.read_text()
    worker = costs.Worker('hands', 2.0, 2.0, 512)
    row = costs.cost_table([(3600 * 10, worker, 5)]).splitlines()[-1]
    assert row.startswith('| 36,000 | 5 hands | 5 | 2.0 |')
