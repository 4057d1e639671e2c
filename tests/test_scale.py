"""`eval/scale.py` as a user runs it, on little."""

import json

import numpy as np
import pytest

from eval import scale, scale_index


def figures_of(path):
    values = json.loads(path.read_text())
    assert values['machine']['cores'] >= 1
    return {figure['what']: figure for figure in values['figures']}


def test_an_index_is_built_searched_changed_and_compared_with_its_unit(tmp_path, capsys):
    flags = ['--rows', '2400', '--dim', '32', '--kinds', 'hnsw', 'ivf_pq', 'ivf_rq', '--rounds', '2']
    assert scale.main([*flags, '--json', str(tmp_path / 'x.json'), '--folder', str(tmp_path)]) == 0
    figures = figures_of(tmp_path / 'x.json')
    assert [path.name for path in tmp_path.iterdir()] == ['x.json']  # what was built is gone
    assert figures['deleted people that are found']['value'] == 0
    for queries in ('1 query', '100 queries'):
        assert figures[f'exact search, 2,400 rows, {queries}']['value'] > 0
        assert figures[f'exact search, 2,400 rows, {queries}: ratio to its unit']['value'] > 0
    for kind in ('hnsw', 'ivf_pq', 'ivf_rq'):
        assert figures[f'{kind}: recall@10, people in the index']['value'] >= 0.9
        assert figures[f'{kind}: size']['value'] > 0
    assert 0 < figures['peak memory, built, searched and changed']['value'] < 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['| what | measured |  |', '|---|---|---|'] and len(lines) == 2 + len(figures)


def test_rows_of_a_person_are_alike_and_of_unit_length():
    rows = scale_index.people(7, 3, 512)
    assert rows.shape == (60, 512) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    similarity = rows @ rows.T
    assert 0.5 < similarity[:20, :20].min() and abs(similarity[:20, 20:]).max() < 0.3
    again, others = scale_index.people(7, 3, 512), scale_index.people(8, 3, 512)
    assert np.array_equal(rows, again) and not np.array_equal(rows, others)


def test_numbers_that_make_no_sense_are_refused():
    for flags in (['--rows', '30'], ['--rows', '20'], ['--rounds', '0']):
        with pytest.raises(SystemExit, match='2'):
            scale.main(flags)


def test_figures_measured_before_a_stop_are_kept(tmp_path, monkeypatch):
    def stopped(folder, args):
        yield scale_index.Figure('build', 2.0, 's')
        raise KeyboardInterrupt

    monkeypatch.setattr(scale_index, 'measure', stopped)
    assert scale.main(['--rows', '2400', '--json', str(tmp_path / 'x.json')]) != 0
    assert figures_of(tmp_path / 'x.json')['build']['value'] == 2.0
