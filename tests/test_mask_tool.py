"""`python -m ifd_zoo.parsing`: label maps for a data set; and what each value of `--masks` gives the images."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.datasets import DatasetError, RecordDataset, load_dataset
from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.images.label_maps import write_label_map
from ifd_zoo.labels import CLOTHING, LABELS, PALETTE
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.__main__ import main
from ifd_zoo.parsing.cache import parser_id
from ifd_zoo.parsing.coverage import count_coverage, coverage_text, measure_coverage
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.transforms import EvalTransform, Masking
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
            text = picture.info
        assert (read_label_map(path) == parser.parse([Image.open(record.path)])[0]).mean() > 0.995
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
    root = write_folder_tree(tmp_path / 'data', train=12, test=1)
    shutil.rmtree(root / 'parsing')
    output = tmp_path / 'maps'
    command = [sys.executable, '-m', 'ifd_zoo.parsing', *flags(root, output, '--batch-size', '1')]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(output.rglob('*.png'))) < 5:
        time.sleep(0.005)
    process.kill()
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in output.rglob('*.png')}
    assert 5 <= len(done) < 78 and not (output / 'masks.json').exists()
    with pytest.raises(ParserError, match='if python -m ifd_zoo.parsing was stopped, run it again'):
        MaskSource(output)
    assert main(flags(root, output)) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert json.loads((output / 'masks.json').read_text())['images'] == 78


@pytest.mark.parametrize('summary', [True, False])
def test_maps_of_another_parser_are_refused(root, output, capsys, summary):
    before = files(output)
    if not summary:
        (output / 'masks.json').unlink()
    assert main(flags(root, output, '--parser', 'bundled_resnet10t')) == 2
    error = capsys.readouterr().err
    assert f'by the parser {BACKBONE}:' in error and 'not by resnet10t:' in error
    assert str(output / ('masks.json' if summary else f'{FIRST}.png')) in error and 'remove' in error
    assert files(output) == before


@pytest.mark.parametrize(
    'text, words',
    [
        ({}, f'does not say that {BACKBONE}'),
        ({'ifd-parser': 'x', 'ifd-labels': 'background,hat', 'ifd-labels-version': '1'}, 'labels are background,hat'),
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


def test_a_folder_of_maps_gives_each_record_its_map(finished, tmp_path):
    root, output = finished
    records, source = records_of(root), MaskSource(output)
    assert source.name == MaskSource('bundled').name
    maps = [(output / record.path.relative_to(root)).with_suffix('.png') for record in records]
    assert [record.label_map for record in source.apply(records, root, tmp_path / 'unused')] == maps
    assert not (tmp_path / 'unused').exists()


def test_masks_of_the_data_set_and_none(tmp_path):
    root = write_folder_tree(tmp_path, train=2, test=1, views=2)
    records = records_of(root)
    assert MaskSource('label-maps').apply(records, root, tmp_path / 'unused') == records
    assert {r.label_map for r in MaskSource('none').apply(records, root, tmp_path / 'unused')} == {None}
    (root / 'parsing' / f'{FIRST}.png').unlink()
    with pytest.raises(DatasetError, match=r'c0_0.jpg: no label map in .*\(1 of 12 images have none\).*bundled'):
        MaskSource('label-maps').apply(records_of(root), root, tmp_path / 'unused')


def test_a_map_that_is_missing_or_of_another_image_is_refused(root, output):
    shutil.copy(root / 'train/0001/1/c2_1.jpg', root / f'{FIRST}.jpg')
    with pytest.raises(DatasetError, match=f'{FIRST}.png: made from another image'):
        MaskSource(output).apply(records_of(root), root, output)
    (output / f'{FIRST}.png').unlink()
    with pytest.raises(DatasetError, match=f'{FIRST}.jpg: no label map in {output} '):
        MaskSource(output).apply(records_of(root), root, output)


@pytest.mark.parametrize('content', ['', '{}', '[]', '{"parser": 3, "name": "x"}'])
def test_a_damaged_summary_is_named(output, content):
    (output / 'masks.json').write_text(content)
    with pytest.raises(DatasetError, match='masks.json: not the summary'):
        MaskSource(output)


@pytest.mark.parametrize(
    'text, value, size, words',
    [
        ({}, len(LABELS), (64, 32), f'holds the value {len(LABELS)}; labels are 0 to {len(LABELS) - 1}'),
        ({}, 0, (60, 32), '32 x 60 pixels, but its image has 32 x 64'),
        ({'ifd-labels': 'background,hat', 'ifd-labels-version': '1'}, 0, (64, 32), 'its labels are background,hat'),
        ({'ifd-labels': ','.join(LABELS), 'ifd-labels-version': '2'}, 0, (64, 32), r'its labels are .*\(version 2\)'),
        ({'ifd-labels': ','.join(LABELS)}, 0, (64, 32), r'its labels are .*\(version None\)'),
    ],
)
def test_a_label_map_that_means_something_else_is_refused_when_it_is_read(tmp_path, text, value, size, words):
    root = write_folder_tree(tmp_path, train=1, test=1)
    path = root / 'parsing' / f'{FIRST}.png'
    write_plain(path, text, value, size)
    with pytest.raises(DatasetError, match=f'{path}: {words}'):
        RecordDataset(load_dataset('folder', root).train, EvalTransform((32, 16)))[0]


def test_a_label_map_without_text_is_taken_as_it_is(tmp_path):
    write_plain(tmp_path / 'a.png', {}, value=len(LABELS) - 1)
    assert (read_label_map(tmp_path / 'a.png') == len(LABELS) - 1).all()


@pytest.mark.parametrize('classes, missing', [(CLOTHING, 2), (('hair',), 11), (('with_hat',), 2)])
def test_images_without_person_or_clothing_are_counted(root, tmp_path, classes, missing):
    records = [replace(r, label_map=tmp_path / f'{i}.png') for i, r in enumerate(records_of(root))]
    for record, name in zip(records, ['background', 'hair', *['coat'] * 10], strict=True):
        write_label_map(record.label_map, np.full((64, 32), LABELS.index(name), np.uint8), 'x', record.path)
    assert measure_coverage(records, root)['no_person'] == {'images': 1, 'share': 1 / 12, 'paths': [f'{FIRST}.jpg']}
    bare = replace(records[0], label_map=None)
    counts = count_coverage((*records, bare), root, classes)
    assert counts == {'images': 12, 'no_person': 1, 'no_clothing': missing}
    assert coverage_text(counts).startswith('no person in 1 (8.3%), no clothing in ')
    assert coverage_text(count_coverage([bare], root)).endswith('of 0 images')


def test_an_image_without_clothing_is_shown_whole_to_the_attention_stream(root):
    path = root / f'{FIRST}.jpg'
    hair = np.full((64, 32), LABELS.index('hair'), np.uint8)
    sample = EvalTransform((64, 32))(Image.open(path), hair)
    assert (sample.masked == sample.image).all() and not sample.clothing.any()
    hat = np.full((64, 32), LABELS.index('hat'), np.uint8)
    for names, erased in ((('default',), False), (('with_hat',), True)):
        sample = EvalTransform((64, 32), masking=Masking(names, names))(Image.open(path), hat)
        assert bool(sample.clothing.all()) == erased == bool((sample.masked != sample.image).any())
