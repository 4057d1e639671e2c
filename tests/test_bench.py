"""`eval/bench.py` as a user runs it, on few small pictures."""

import json

import pytest
from PIL import Image

from eval import bench
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


def test_parsing_is_measured_against_two_floors(tmp_path, capsys):
    root = write_folder_tree(tmp_path / 'data', train=2, test=1)
    assert bench.main(['--only', 'parsing', '--root', str(root), '--rounds', '1']) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert len(lines) == 2 and all('| parse 16 crops 256x128' in line and ' crops/s ' in line for line in lines)
    assert 'floor: float32 |' in lines[0] and 'floor: float32, one by one |' in lines[1]


def test_a_training_that_fails_is_shown(tmp_path):
    with pytest.raises(RuntimeError, match='no such folder'):
        bench.baseline_recipe(tmp_path / 'nowhere', (64, 32), 0)


def test_made_up_pictures_are_people_sized_jpegs_of_two_outfits_each(tmp_path):
    files = sorted(bench.make_pictures(tmp_path, people=2, views=1).rglob('*.jpg'))
    assert len(files) == 4 and {Image.open(path).size for path in files} == {(128, 256)}
