"""`eval/bench.py` as a user runs it, on few small pictures."""

import json
import sys
from functools import partial

import pytest
from PIL import Image

from eval import bench
from eval.benchmarks import drawing, networks, ranking, rows, starting, training
from eval.benchmarks.pictures import make_pictures
from eval.benchmarks.rows import Row, best_seconds, read_ratios, table, write_json
from tests.trees import write_folder_tree


def test_the_table_has_ratios_of_real_measurements(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=8, views=4)
    flags = ['--only', 'training', '--size', '64x32', '--workers', '0', '--rounds', '1']
    flags += ['--json', str(tmp_path / 'rows.json')]
    assert bench.main(['--root', str(root), *flags]) == 0
    rows = json.loads((tmp_path / 'rows.json').read_text())
    assert [row['name'] for row in rows] == ['train baseline resnet10t 64x32'] * 2
    for row in rows:
        assert row['ours'] > 0 and row['ratio'] == pytest.approx(row['ours'] / row['floor'])
    assert f'{rows[0]["ratio"]:.2f}' in capsys.readouterr().out


def test_embedding_parsing_and_ranking_are_measured_against_their_floors(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(networks, 'CROPS', 2)
    monkeypatch.setattr(networks, 'BATCH', 2)
    monkeypatch.setattr(ranking, 'GALLERY', 3)
    root = make_pictures(tmp_path / 'data', people=2, views=1)
    assert bench.main(['--only', 'embedding', 'parsing', 'ranking', '--root', str(root), '--rounds', '1']) == 0
    embed, parse = 'embed 2 crops, mirror images too', 'parse 2 crops 256x128'
    expected = [
        (embed, 'images/s', 'both bare backbones;'),
        (embed, 'images/s', 'float32, one by one, '),
        (f'parse and {embed}', 'images/s', 'all three bare networks;'),
        (f'{embed}, no masks', 'images/s', 'its teacher and the parser'),
        (parse, 'crops/s', 'bare network;'),
        (parse, 'crops/s', 'float32, one by one, '),
        ('rank 1 x 3 known', 'seconds', 'bare networks, 1 crop'),
        ('rank 1 x 3 new', 'seconds', 'bare networks, all crops'),
    ]
    lines = capsys.readouterr().out.splitlines()[2:]
    for line, (name, unit, floor) in zip(lines, expected, strict=True):
        assert line.startswith(f'| {name} | ') and f' {unit} ' in line and f'floor: {floor}' in line


def test_drawing_with_two_workers_is_measured_against_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(drawing, 'PEOPLE', 1)
    monkeypatch.setattr(drawing, 'SIZE', (32, 16))
    assert bench.main(['--only', 'drawing', '--root', str(tmp_path), '--rounds', '1']) == 0
    assert '| draw 16 pictures of people 32x16, 2 workers | ' in capsys.readouterr().out


def test_without_what_draws_people_its_row_is_left_out_and_the_reason_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'cv2', None)
    for name in [name for name in sys.modules if name.startswith('ifd_zoo.synthetic')]:
        monkeypatch.delitem(sys.modules, name)
    assert bench.main(['--only', 'drawing', '--root', str(tmp_path)]) == 0
    assert 'drawing: left out: ' in (error := capsys.readouterr().err) and 'synthetic/requirements.txt' in error


def test_metrics_and_search_are_measured_in_units_of_one_call(tmp_path):
    (metrics,) = ranking.bench_metrics(tmp_path, 1, (20, 30, 5))
    (search,) = ranking.bench_search(tmp_path, 1, 1000)
    assert (metrics.name, metrics.unit, metrics.note) == ('metrics 20 x 30', 'seconds', 'unit: one np.argsort')
    assert search.name == 'search 1000 x 512' and min(search.ours, search.floor, metrics.ours, metrics.floor) > 0


def test_the_first_page_is_waited_for_and_memory_is_of_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(starting, 'PHOTOS', (1, 1))
    (memory,) = starting.bench_memory(make_pictures(tmp_path / 'data', people=1, views=1), 1)
    assert memory.unit == 'MB' and memory.ours > 100 and memory.floor > 100
    with pytest.raises(RuntimeError, match='no such thing'):
        starting.run('raise SystemExit("no such thing")')
    monkeypatch.setattr(starting, 'REPOSITORY', tmp_path)
    server = 'HTTPServer(("127.0.0.1", int(sys.argv[2])), SimpleHTTPRequestHandler).serve_forever()'
    (tmp_path / 'app.py').write_text(f'import sys\nfrom http.server import *\n{server}')
    starting.open_page()
    (tmp_path / 'app.py').write_text('raise SystemExit("no page today")')
    with pytest.raises(RuntimeError, match='no page today'):
        starting.open_page()


def test_times_are_the_best_of_turns_without_the_first(monkeypatch):
    clock, calls = [0.0], []
    takes = {'a': iter([0.5, 1.0, 2.0]), 'b': iter([0.5, 4.0, 3.0])}
    monkeypatch.setattr(rows.time, 'perf_counter', lambda: clock[0])

    def turn(name):
        calls.append(name)
        clock[0] += next(takes[name])

    assert best_seconds({name: partial(turn, name) for name in 'ab'}, 2) == {'a': 1.0, 'b': 3.0}
    assert calls == ['a', 'b'] * 3


def test_a_later_run_is_compared_by_its_ratios(tmp_path, capsys):
    kept, root = tmp_path / 'kept.json', tmp_path / 'none'
    metrics = Row('metrics 20 x 30', 4.0, 2.0, 'seconds', 'unit: one np.argsort')
    old = [metrics, Row('a', 1.0, 1.0, 'x/s', 'floor: b; c')]
    write_json(old, kept)
    assert read_ratios(kept) == {'metrics 20 x 30; unit: one np.argsort': 2.0, 'a; floor: b': 1.0}
    now = [old[0]._replace(ours=3.0), old[1]._replace(note='floor: b; d', ours=2.0), Row('new', 1.0, 1.0, 'x/s')]
    assert [line.split(' | ')[5] for line in table(now, read_ratios(kept)).splitlines()[2:]] == [
        '2.00 (-25 %)', '1.00 (+100 %)', 'new'
    ]
    with pytest.raises(SystemExit):
        bench.main(['--root', str(root), '--compare', str(tmp_path / 'nowhere.json')])
    assert 'no such file' in capsys.readouterr().err


def test_a_training_that_fails_is_shown(tmp_path):
    with pytest.raises(RuntimeError, match='no such folder'):
        training.baseline_recipe(tmp_path / 'nowhere', (64, 32), 0)


def test_made_up_pictures_are_people_sized_jpegs_of_two_outfits_each(tmp_path):
    files = sorted(make_pictures(tmp_path, people=2, views=1).rglob('*.jpg'))
    assert len(files) == 4 and {Image.open(path).size for path in files} == {(128, 256)}
