"""Every command sees the pixels that `load_image` gives, and label maps stay in line with them."""

import json

import numpy as np
import pytest
from PIL import Image

from eval import run as eval_run
from eval.reports.page import Pictures, _data_url
from ifd_zoo.datasets import DatasetError, RecordDataset, load_dataset
from ifd_zoo.datasets.base import read_image, read_label_map
from ifd_zoo.images.loading import MAX_SIDE, load_image
from ifd_zoo.parsing.cache import parse_records
from ifd_zoo.parsing.training_sources import Source
from ifd_zoo.transforms import EvalTransform
from tests.test_architecture import PRODUCT, REPOSITORY
from tests.trees import draw_person, write_folder_tree

OWN_FILES = {
    'ifd_zoo/images/loading.py': 'the decoder',
    'ifd_zoo/datasets/base.py': 'label maps',
    'ifd_zoo/parsing/cache.py': 'label maps',
    'train/augmentation/camera.py': 'what was compressed a line before',
    'eval/benchmarks/pictures.py': 'pictures that it has made',
    'eval/benchmarks/training.py': 'the plain loop that is compared with',
}


def sideways(image, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def with_transparent_ground(image, path):
    image.putalpha(Image.fromarray(np.where(np.asarray(image.convert('L')) > 118, 255, 0).astype(np.uint8)))
    image.save(path)


def in_sixteen_bits(image, path):
    Image.fromarray(np.asarray(image.convert('L')).astype(np.uint16) * 256).save(path)


KINDS = {
    'sideways': sideways,
    'transparent': with_transparent_ground,
    'sixteen bits': in_sixteen_bits,
    'palette': lambda image, path: image.quantize(16).save(path),
    'one bit': lambda image, path: image.convert('1').save(path),
}


def rewrite(root, save, *splits):
    """Images of a tree as PNG, saved by `save`."""
    for path in sorted(path for split in splits for path in (root / split).rglob('*.jpg')):
        with Image.open(path) as image:
            save(image.convert('RGB'), path.with_suffix('.png'))
        path.unlink()
    return root


class Watching:
    """A parser that keeps what it is shown."""

    def __init__(self):
        self.seen = []

    def identify(self):
        return 'watching'

    def parse(self, images):
        self.seen += [np.asarray(image) for image in images]
        return [np.zeros(image.size[::-1], np.uint8) for image in images]


@pytest.mark.parametrize('kind', KINDS)
def test_every_command_sees_the_pixels_of_load_image(tmp_path, kind):
    root = rewrite(write_folder_tree(tmp_path / 'data', train=1, test=0, outfits=1, views=1), KINDS[kind], 'train')
    (record,) = load_dataset('folder', root).train
    expected = np.asarray(load_image(record.path))
    assert expected.shape == (64, 32, 3) and 0 < expected.mean() < 255
    assert np.array_equal(RecordDataset([record], EvalTransform((64, 32))).load(0)[0], expected)
    parser = Watching()
    parse_records([record], parser, root, tmp_path / 'maps')
    assert np.array_equal(parser.seen[0], expected)
    pair = (record.path, record.label_map)
    assert np.array_equal(Source([pair])[0][0], expected)
    assert _data_url(load_image(record.path)) == Pictures([record]).url(record)


def test_pictures_of_others_are_opened_in_one_place():
    opening = {path.relative_to(REPOSITORY).as_posix() for path in PRODUCT if 'Image.open(' in path.read_text()}
    assert opening == {*OWN_FILES}


@pytest.mark.parametrize('masks', ['label-maps', 'bundled'])
def test_sideways_photos_give_the_same_figures(tmp_path, masks):
    reports = []
    for name, save in (('upright', lambda image, path: image.save(path)), ('sideways', sideways)):
        root = rewrite(write_folder_tree(tmp_path / name, train=1, test=2), save, 'train', 'query', 'gallery')
        arguments = ['--model', 'ifd_resnet10t.synthetic', '--root', root, '--masks', masks, '--output', root / 'out']
        assert eval_run.main([*map(str, arguments), '--workers', '0', '--device', 'cpu']) == 0
        reports.append(json.loads((root / 'out/figures.json').read_text()))
    assert reports[0]['protocols'] == reports[1]['protocols'] and reports[0]['coverage'] == reports[1]['coverage']


def test_a_label_map_of_the_image_as_it_is_stored_is_refused(tmp_path):
    root = rewrite(write_folder_tree(tmp_path, train=1, test=0, outfits=1, views=1), sideways, 'train')
    (record,) = load_dataset('folder', root).train
    Image.fromarray(draw_person(0, 0, 0)[1]).transpose(Image.Transpose.ROTATE_90).save(record.label_map)
    with pytest.raises(DatasetError, match='64 x 32 pixels, but its image has 32 x 64; .* upright image'):
        RecordDataset([record], EvalTransform((64, 32))).load(0)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_label_map_is_shrunk_with_a_huge_image(tmp_path, suffix):
    size = (MAX_SIDE // 2 + 101, 2 * MAX_SIDE + 3)
    label_map = np.zeros(size[::-1], np.uint8)
    label_map[size[1] // 2 :] = 5
    Image.fromarray(label_map).save(tmp_path / 'map.png')
    Image.fromarray(label_map * 40).save(tmp_path / f'image{suffix}')
    image = read_image(tmp_path / f'image{suffix}')
    fitted = read_label_map(tmp_path / 'map.png', image.size)
    assert image.height == MAX_SIDE and fitted.shape == (image.height, image.width)
    apart = (np.asarray(image)[..., 0] > 100) != (fitted == 5)
    assert apart.any(1).sum() <= 1  # the line where the two halves meet
