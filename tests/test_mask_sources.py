"""What a value of `--masks` gives the images, and label maps that are refused when they are read."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.datasets import DatasetError, RecordDataset, load_dataset
from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.images.label_maps import write_label_map
from ifd_zoo.labels import CLOTHING, LABELS
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.cache import parse_records
from ifd_zoo.parsing.coverage import count_coverage, coverage_text
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.transforms import EvalTransform, Masking
from tests.map_folders import FIRST, fill_folder, records_of, write_plain
from tests.trees import write_folder_tree


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    return fill_folder(tmp_path_factory)


@pytest.fixture
def root(finished, tmp_path):
    return Path(shutil.copytree(finished[0], tmp_path / 'data'))


@pytest.fixture
def output(finished, tmp_path):
    return Path(shutil.copytree(finished[1], tmp_path / 'maps'))


def test_a_folder_of_maps_gives_the_records_what_the_parser_gives(finished, tmp_path):
    root, output = finished
    records = records_of(root)
    masked = MaskSource(output).apply(records, root, tmp_path / 'unused')
    parsed = parse_records(records, load_parser(), root, tmp_path / 'maps')
    assert MaskSource(output).name == MaskSource('bundled').name
    assert [record.label_map.relative_to(output) for record in masked] == [
        record.label_map.relative_to(tmp_path / 'maps') for record in parsed
    ]
    assert not (tmp_path / 'unused').exists()
    for one, two in zip(masked, parsed, strict=True):
        assert (read_label_map(one.label_map) == read_label_map(two.label_map)).mean() > 0.995


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
    records = tuple(replace(r, label_map=tmp_path / f'{i}.png') for i, r in enumerate(records_of(root)))
    for index, record in enumerate(records):
        value = 0 if index == 0 else LABELS.index('hair') if index == 1 else LABELS.index('coat')
        write_label_map(record.label_map, np.full((64, 32), value, np.uint8), 'x', record.path)
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
