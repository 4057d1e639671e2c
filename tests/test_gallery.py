"""Searching photo files: order, pictures, and files that cannot be used."""

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.gallery import PHOTO_SIDE, PhotoFile, search, shorten
from ifd_zoo.images import ImageError
from ifd_zoo.predictor import Analysis


class BrightnessPredictor:
    """Stands in for a model: photos of similar brightness are similar."""

    def __init__(self):
        self.largest = 0

    def analyze(self, images):
        return [self._analysis(image) for image in images]

    def _analysis(self, image):
        self.largest = max(self.largest, *image.size)
        angle = np.asarray(image).mean() / 255
        embedding = np.asarray([np.cos(angle), np.sin(angle)], np.float32)
        shape = (image.height, image.width)
        return Analysis(embedding, np.full(shape, 0.5, np.float32), np.ones(shape, bool), np.ones(shape, np.uint8))


@pytest.fixture
def photos(tmp_path):
    """Ten photos, each brighter than the one before, and on disk under other names."""
    for index in range(10):
        Image.new('RGB', (20, 40), (index * 20,) * 3).save(tmp_path / f'{index}.png')
    return [PhotoFile(tmp_path / f'{index}.png', f'brightness {index}') for index in range(10)]


def test_the_ranking_is_by_similarity_and_has_a_picture_of_each(photos):
    result = search(BrightnessPredictor(), photos[0], photos[::-1])
    assert [found.name for found in result.ranking] == [photo.name for photo in photos]
    assert result.ranking[0].similarity == pytest.approx(1)
    assert all(found.picture.height == 320 for found in result.ranking)
    assert [caption for _, caption in result.query_views] == ['photo', 'attention 0.50 to 0.50', 'clothing']
    assert result.skipped == []


def test_unusable_files_are_named_and_the_others_ranked(photos, tmp_path):
    (tmp_path / 'x').write_bytes(b'no picture')
    bad = PhotoFile(tmp_path / 'x', 'holiday.jpg')
    result = search(BrightnessPredictor(), photos[3], [bad, *photos, bad])
    assert len(result.ranking) == 10 and result.ranking[0].name == 'brightness 3'
    assert len(result.skipped) == 2 and all(line.startswith('holiday.jpg: is not a picture') for line in result.skipped)
    with pytest.raises(ImageError, match='^holiday.jpg: '):
        search(BrightnessPredictor(), bad, photos)
    with pytest.raises(ValueError, match='None of the gallery files can be used. holiday.jpg'):
        search(BrightnessPredictor(), photos[0], [bad])


def test_photos_are_shrunk_before_they_are_analysed(photos, tmp_path):
    Image.new('RGB', (1000, 3000)).save(tmp_path / 'large.png')
    predictor = BrightnessPredictor()
    search(predictor, photos[0], [PhotoFile(tmp_path / 'large.png', 'large.png')])
    assert predictor.largest == PHOTO_SIDE


def test_progress_counts_up_from_nothing(photos):
    told = []
    search(BrightnessPredictor(), photos[0], photos, told.append)
    assert told == [0, 4, 8]


def test_long_lists_are_cut_and_counted():
    assert shorten(['a', 'b']) == 'a; b.'
    assert shorten(list('abcdefg')) == 'a; b; c; d; e; and 2 more.'
