"""Data sets in which nothing can be measured say so, and why, before anything is computed."""

import re
import shutil
from pathlib import Path

import pytest

from eval import run as eval_run
from eval.check_data import main as check_data
from eval.figure3 import main as figure3
from eval.valid_queries import OTHER_CAMERAS, SAME_CAMERA, STRANGER, empty_protocols, fewest_valid, unanswered
from ifd_zoo.datasets import DatasetError, Protocol, Record, load_dataset
from tests.trees import write_folder_tree


@pytest.fixture
def root(tmp_path):
    return write_folder_tree(tmp_path / 'data', train=1, test=2)


def into_one_camera(root):
    for path in [*root.glob('[qg]*/*/*/*'), *root.glob('parsing/[qg]*/*/*/*')]:
        path.rename(path.with_name(re.sub(r'^c\d+', 'c0', path.name)))


def without_outfits(root):
    for path in [*root.glob('[tqg]*/*/*/*'), *root.glob('parsing/*/*/*/*')]:
        path.rename(path.parent.parent / f'{path.stem}_{path.parent.name}{path.suffix}')


def measure(root, *more):
    return eval_run.main(['--model', 'ifd_baseline_resnet10t.synthetic', '--root', str(root), '--workers', '0', *more])


@pytest.fixture
def no_masks(monkeypatch):
    """To look for masks is an error."""
    apply = 'ifd_zoo.parsing.mask_source.MaskSource.apply'
    monkeypatch.setattr(apply, lambda *arguments: pytest.fail('masks are made'))


def test_one_camera_for_everybody_is_told_by_both_commands(root, capsys, no_masks):
    into_one_camera(root)
    assert check_data(['--root', str(root), '--workers', '0']) == 1
    printed = capsys.readouterr().out
    assert measure(root) == 2
    error = capsys.readouterr().err
    for mode in ('general', 'cc', 'sc'):
        reason = f'{mode}: no query has a right match: {SAME_CAMERA} (4)'
        assert f'| {mode} | 0 / 4 | {SAME_CAMERA} (4) |' in printed and reason in printed and reason in error


@pytest.mark.parametrize('split', ['query', 'gallery'])
@pytest.mark.parametrize('empty', [False, True])
def test_a_split_that_is_missing_or_empty_is_told_by_all_commands(root, tmp_path, capsys, no_masks, split, empty):
    shutil.rmtree(root / split)
    if empty:
        (root / split).mkdir()
    text = f"no images in the layout of 'folder', {split}/<person>/<outfit>/c<camera>_<number>.jpg: {split} is "
    text += 'empty' if empty else 'missing'
    assert check_data(['--root', str(root), '--workers', '0']) == 1
    assert f'why nothing can be measured: 1\n  {root}: {text}\n' in capsys.readouterr().out
    assert measure(root) == 2 and text in capsys.readouterr().err
    assert figure3(['--root', str(root), '--masks', 'none', '--output', str(tmp_path / 'a.png')]) == 2
    assert text in capsys.readouterr().err


def test_the_layout_is_shown_where_the_folders_of_the_outfits_are_missing(root, capsys, no_masks):
    without_outfits(root)
    with pytest.raises(DatasetError) as caught:
        load_dataset('folder', root)
    text, hint = str(caught.value), '(the outfit folder is missing)'
    assert '{train,query,gallery}/<person>/<outfit>/c<camera>_<number>.jpg: train has 6 at another depth' in text
    assert f'gallery has 8 at another depth, such as gallery/0001/c1_1_0.jpg {hint}' in text
    assert check_data(['--root', str(root)]) == 2 and text in capsys.readouterr().err
    assert measure(root) == 2 and text in capsys.readouterr().err


def test_a_protocol_without_a_valid_query_beside_others_is_a_remark(root, tmp_path, capsys):
    for split in ('query', 'gallery', 'parsing/query', 'parsing/gallery'):
        for outfit in (root / split).glob('*/1'):
            shutil.rmtree(outfit)
    reason = 'cc: no query has a right match: other cameras show the person in the same outfit only (2)'
    assert check_data(['--root', str(root), '--workers', '0']) == 0
    assert '| cc | 0 / 2 | other cameras show the person in the same outfit only (2) |' in capsys.readouterr().out
    assert measure(root, '--output', str(tmp_path / 'out')) == 0
    assert reason in capsys.readouterr().out
    assert 'in the gallery: other cameras show the person in the same' in (tmp_path / 'out/report.html').read_text()


def record(pid, camid, clothes_id):
    return Record(Path(f'{pid}_{camid}_{clothes_id}'), pid, camid, clothes_id)


def test_each_query_without_a_right_answer_has_one_reason():
    gallery = (record(1, 0, 10), record(2, 1, 20), record(3, 1, 31), record(0, 5, 0))
    query = (record(1, 0, 11), record(2, 0, 20), record(3, 0, 30), record(4, 0, 40))
    reasons = {mode: unanswered(Protocol(mode, mode, query, gallery)) for mode in ('general', 'cc', 'sc')}
    assert reasons['general'] == {SAME_CAMERA: 1, STRANGER: 1}
    for mode in ('cc', 'sc'):
        assert reasons[mode] == {SAME_CAMERA: 1, STRANGER: 1, OTHER_CAMERAS[mode]: 1}


def test_of_repeated_draws_the_one_with_the_fewest_valid_queries_counts():
    query, gallery = (record(1, 0, 10),), (record(1, 1, 11), record(2, 1, 20))
    draws = [Protocol('cc-single', 'cc', query, (one,), trial) for trial, one in enumerate(gallery)]
    assert fewest_valid(draws) == {'cc-single': (draws[1], {STRANGER: 1})}
    assert empty_protocols(draws) == {'cc-single': f'cc-single: no query has a right match: {STRANGER} (1)'}
    assert empty_protocols([Protocol('sc', 'sc', (), gallery)]) == {
        'sc': 'sc: no query has a right match: there are no queries'
    }
