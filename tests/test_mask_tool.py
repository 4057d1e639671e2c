"""`python -m ifd_zoo.parsing`: label maps for a data set, and what is refused when they are used."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.hub.parsers import save_parser
from ifd_zoo.images.label_maps import write_label_map
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.__main__ import main
from ifd_zoo.parsing.cache import parser_id
from ifd_zoo.parsing.coverage import measure_coverage
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.parsing.network import ParsingNet
from tests.map_folders import FIRST, files, fill_folder, flags, records_of, write_plain
from tests.trees import write_folder_tree, write_prcc_tree

BACKBONE = load_parser().config['backbone']
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    return fill_folder(tmp_path_factory)


@pytest.fixture
def root(finished, tmp_path):
    return Path(shutil.copytree(finished[0], tmp_path / 'data'))


@pytest.fixture
def output(finished, tmp_path):
    return Path(shutil.copytree(finished[1], tmp_path / 'maps'))


@pytest.fixture(scope='module')
def other_parser(tmp_path_factory):
    """A folder with a parser that nobody has trained."""
    folder = tmp_path_factory.mktemp('parser')
    torch.manual_seed(0)
    backbone = 'mobilenetv4_conv_small_050'
    save_parser(
        ParsingNet(backbone, len(LABELS), 16), folder, {'backbone': backbone, 'width': 16, 'size': (64, 32)}
    )
    return folder


def text_of(path):
    with Image.open(path) as picture:
        return picture.info


def test_each_image_has_a_palette_png_that_says_what_made_it(finished):
    root, output = finished
    records = records_of(root)
    assert sorted(files(output)) == sorted(
        record.path.relative_to(root).with_suffix('.png').as_posix() for record in records
    )
    parser = load_parser()
    for record in records:
        path = (output / record.path.relative_to(root)).with_suffix('.png')
        with Image.open(path) as picture:
            assert picture.mode == 'P' and picture.size == (32, 64)
            assert np.array(picture.getpalette())[: 3 * len(PALETTE)].reshape(-1, 3).tolist() == [*map(list, PALETTE)]
        assert (read_label_map(path) == parser.parse([Image.open(record.path)])[0]).mean() > 0.995
        text = text_of(path)
        assert text['ifd-parser'] == parser_id(parser) and text['ifd-parser'].startswith(f'{BACKBONE}:')
        assert (text['ifd-labels'], text['ifd-labels-version']) == (','.join(LABELS), '1')


def test_a_summary_and_a_picture_are_left(finished, capsys):
    root, output = finished
    summary = json.loads((output / 'masks.json').read_text())
    assert summary['images'] == 12 and summary['parser'] == parser_id(load_parser())
    assert (summary['name'], summary['data'], summary['labels']) == ('bundled', 'folder', list(LABELS))
    for kind in ('no_person', 'no_clothing'):
        assert summary[kind]['share'] == len(summary[kind]['paths']) / 12 == summary[kind]['images'] / 12
    with Image.open(output / 'contact_sheet.jpg') as sheet:
        assert sheet.format == 'JPEG' and sheet.width > sheet.height > 190
    assert main(flags(root, output)) == 0
    assert f'label maps of 12 images by bundled ({BACKBONE}:' in capsys.readouterr().out


def test_coverage_counts_what_is_missing(root, tmp_path):
    records = MaskSource('bundled').apply(records_of(root), root, tmp_path / 'maps')
    full = np.full((64, 32), LABELS.index('upper'), np.uint8)
    for index, record in enumerate(records):
        shown = full * 0 if index < 2 else np.full_like(full, LABELS.index('hair')) if index == 2 else full
        write_label_map(record.label_map, shown, 'x', record.path)
    coverage = measure_coverage(records, root)
    assert coverage['no_person'] == {
        'images': 2, 'share': 2 / 12, 'paths': [f'{FIRST}.jpg', 'train/0000/0/c1_1.jpg']
    }
    assert coverage['no_clothing']['images'] == 3 and coverage['images'] == 12


def test_all_splits_of_a_published_data_set_are_parsed(tmp_path, capsys):
    root = write_prcc_tree(tmp_path / 'prcc', train=(2,), test=(4,))
    with pytest.warns(UserWarning, match='PRCC'):
        assert main(flags(root, tmp_path / 'maps', '--data', 'prcc')) == 0
    assert len(files(tmp_path / 'maps')) == 6 + 6 and 'no person in' in capsys.readouterr().out


def test_good_maps_are_kept_missing_and_torn_ones_made_again(finished, root, output, capsys):
    before = files(output)
    torn, kept = output / f'{FIRST}.png', output / 'query/0002/0/c0_0.png'
    torn.write_bytes(torn.read_bytes()[:-40])
    (output / 'gallery/0002/0/c1_1.png').unlink()
    (output / 'masks.json').unlink()
    stamp = kept.stat().st_mtime_ns
    assert main(flags(root, output)) == 0
    assert files(output) == before and kept.stat().st_mtime_ns == stamp and (output / 'masks.json').is_file()
    assert f'making again: {torn}' in capsys.readouterr().err


def test_a_run_that_is_killed_goes_on(tmp_path):
    root = write_folder_tree(tmp_path / 'data', train=40, test=1)
    shutil.rmtree(root / 'parsing')
    output = tmp_path / 'maps'
    command = [sys.executable, '-m', 'ifd_zoo.parsing', *flags(root, output, '--batch-size', '1')]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(output.rglob('*.png'))) < 5:
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in output.rglob('*.png')}
    assert 5 <= len(done) < 246 and not (output / 'masks.json').exists()
    with pytest.raises(ParserError, match='if python -m ifd_zoo.parsing was stopped, run it again'):
        MaskSource(output)
    assert main(flags(root, output)) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert json.loads((output / 'masks.json').read_text())['images'] == 246


@pytest.mark.parametrize('summary', [True, False])
def test_maps_of_another_parser_are_refused(root, output, other_parser, capsys, summary):
    before = files(output)
    if not summary:
        (output / 'masks.json').unlink()
    assert main(flags(root, output, '--parser', other_parser)) == 2
    error = capsys.readouterr().err
    assert f'by the parser {BACKBONE}:' in error and 'not by mobilenetv4_conv_small_050:' in error
    assert str(output / ('masks.json' if summary else f'{FIRST}.png')) in error and 'remove' in error
    assert files(output) == before


@pytest.mark.parametrize(
    'text, words',
    [
        ({}, f'does not say that {BACKBONE}'),
        ({'ifd-parser': 'x', 'ifd-labels': 'background,hat', 'ifd-labels-version': '1'}, 'labels are background,hat'),
        ({'ifd-parser': 'x', 'ifd-labels': ','.join(LABELS), 'ifd-labels-version': '7'}, '(version 7)'),
    ],
)
def test_maps_that_the_tool_did_not_make_are_not_overwritten(root, output, capsys, text, words):
    path = output / f'{FIRST}.png'
    write_plain(path, text)
    content = path.read_bytes()
    (output / 'masks.json').unlink()
    assert main(flags(root, output)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f'error: {path}: ') and words in error and path.read_bytes() == content


def test_an_image_that_cannot_be_read_is_named(root, tmp_path, capsys):
    (root / f'{FIRST}.jpg').write_bytes(b'')
    assert main(flags(root, tmp_path / 'maps')) == 2
    assert f'error: {root / FIRST}.jpg: image cannot be read' in capsys.readouterr().err


def test_two_images_with_one_name_are_refused(root, tmp_path, capsys):
    Image.new('RGB', (32, 64)).save(root / f'{FIRST}.png')
    assert main(flags(root, tmp_path / 'maps')) == 2
    error = capsys.readouterr().err
    assert f'{FIRST}.jpg and' in error and f'{FIRST}.png: the label map of both' in error


@pytest.mark.parametrize(
    'more, words',
    [
        (['--parser', 'nothing'], 'unknown parser'),
        (['--root', 'nowhere'], 'nowhere: no such folder'),
        (['--device', 'abacus'], 'abacus'),
    ],
)
def test_what_is_wrong_is_named(root, tmp_path, capsys, more, words):
    assert main(flags(root, tmp_path / 'maps', *more)) == 2
    assert words in capsys.readouterr().err
