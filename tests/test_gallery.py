"""Searching photo files: order, pictures, and files that cannot be used."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ifd_zoo.gallery import PHOTO_SIDE, CachedEmbeddings, PhotoFile, embed_files, make_photo_views, search, shorten
from ifd_zoo.images.loading import ImageError
from ifd_zoo.models.batching import parallel_map
from ifd_zoo.predictor import Analysis


class BrightnessPredictor:
    """Stands in for a model: photos of similar brightness are similar."""

    def __init__(self):
        self.model, self.device = SimpleNamespace(num_features=2), torch.device('cpu')
        self.largest = self.embedded = 0

    def analyze(self, images, label_maps=None):
        maps = label_maps or [None] * len(images)
        return [self._analysis(image, label_map) for image, label_map in zip(images, maps, strict=True)]

    def embed(self, images):
        self.embedded += len(images)
        return np.array([one.embedding for one in self.analyze(images)], np.float32).reshape(-1, 2)

    def _analysis(self, image, label_map):
        self.largest = max(self.largest, *image.size)
        angle = np.asarray(image).mean() / 255
        embedding = np.asarray([np.cos(angle), np.sin(angle)], np.float32)
        shape = (image.height, image.width)
        label_map = np.ones(shape, np.uint8) if label_map is None else label_map
        return Analysis(embedding, np.full(shape, 0.5, np.float32), np.ones(shape, bool), label_map)


@pytest.fixture
def photos(tmp_path):
    """Ten photos, each brighter than the one before, and on disk under other names."""
    for index in range(10):
        Image.new('RGB', (20, 40), (index * 20,) * 3).save(tmp_path / f'{index}.png')
    return [PhotoFile(tmp_path / f'{index}.png', f'brightness {index}') for index in range(10)]


def test_the_ranking_is_by_similarity_and_says_where_each_photo_was(photos):
    result = search(BrightnessPredictor(), photos[:1], photos[::-1])
    (query,) = result.queries
    assert [found.name for found in query.ranking] == [photo.name for photo in photos]
    assert [found.index for found in query.ranking] == list(range(9, -1, -1))
    assert query.ranking[0].similarity == pytest.approx(1)
    assert query.name == photos[0].name and query.photo_view.photo.size == (20, 40)
    assert result.skipped == []


def test_each_query_has_a_ranking_of_its_own(photos):
    result = search(BrightnessPredictor(), [photos[0], photos[9]], photos)
    assert [query.ranking[0].name for query in result.queries] == ['brightness 0', 'brightness 9']


def test_a_corrected_label_map_takes_the_place_of_the_parsers(photos):
    label_map = np.full((40, 20), 5, np.uint8)
    result = search(BrightnessPredictor(), photos[:1], photos, label_maps=[label_map])
    assert (result.queries[0].photo_view.label_map == 5).all()


def test_unusable_files_are_named_and_the_others_ranked(photos, tmp_path):
    (tmp_path / 'x').write_bytes(b'no picture')
    bad = PhotoFile(tmp_path / 'x', 'holiday.jpg')
    result = search(BrightnessPredictor(), [photos[3]], [bad, *photos, bad])
    ranking = result.queries[0].ranking
    assert len(ranking) == 10 and ranking[0].name == 'brightness 3' and ranking[0].index == 4
    assert len(result.skipped) == 2 and all(line.startswith('holiday.jpg: is not a picture') for line in result.skipped)
    with pytest.raises(ImageError, match='^holiday.jpg: '):
        search(BrightnessPredictor(), [bad], photos)
    with pytest.raises(ValueError, match='None of the gallery files can be used. holiday.jpg'):
        search(BrightnessPredictor(), photos[:1], [bad])


def test_photos_are_shrunk_before_they_are_analysed(photos, tmp_path):
    Image.new('RGB', (1000, 3000)).save(tmp_path / 'large.png')
    predictor = BrightnessPredictor()
    search(predictor, photos[:1], [PhotoFile(tmp_path / 'large.png', 'large.png')])
    assert predictor.largest == PHOTO_SIDE


def test_progress_counts_up_from_nothing(photos):
    told = []
    embed_files(BrightnessPredictor(), photos * 4, told.append)
    assert told == [0, 8, 16, 24, 32, 40]


def test_remembered_embeddings_are_the_same_and_made_once(photos, tmp_path):
    predictor, embed = BrightnessPredictor(), CachedEmbeddings()
    (tmp_path / 'x').write_bytes(b'no picture')
    files = [photos[0], PhotoFile(tmp_path / 'x', 'x.jpg'), *photos]
    first, plain = embed(predictor, files), embed_files(BrightnessPredictor(), files)
    assert first.indices == plain.indices and (first.embeddings == plain.embeddings).all()
    seen = predictor.embedded
    told = []
    again = embed(predictor, files, told.append)
    assert predictor.embedded == seen and (again.embeddings == plain.embeddings).all()
    assert again.skipped == plain.skipped and told == [len(files) - 1, len(files)]
    other = BrightnessPredictor()
    embed(other, files[:1])
    assert other.embedded == 1


def test_more_embeddings_than_are_remembered_are_still_given(photos):
    embed, predictor = CachedEmbeddings(most=3), BrightnessPredictor()
    for _ in range(2):
        assert len(embed(predictor, photos).embeddings) == 10
    assert predictor.embedded >= 10 + 7


def test_studies_are_small_and_in_the_order_of_the_files(photos, tmp_path):
    Image.new('RGB', (1000, 2000), 'white').save(tmp_path / 'large.png')
    photo_views = make_photo_views(BrightnessPredictor(), [PhotoFile(tmp_path / 'large.png', 'large.png'), photos[2]])
    assert [photo_view.photo.size for photo_view in photo_views] == [(192, 384), (20, 40)]
    assert photo_views[0].attention.shape == photo_views[0].label_map.shape == (384, 192)


def test_long_lists_are_cut_and_counted():
    assert shorten(['a', 'b']) == 'a; b.'
    assert shorten(list('abcdefg')) == 'a; b; c; d; e; and 2 more.'


def test_work_on_each_core_comes_back_in_order_and_leaves_the_threads_of_torch_as_they_were():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert list(parallel_map(lambda work: work * 2, range(20), torch.device('cpu'))) == list(range(0, 40, 2))
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


def test_work_is_dropped_when_nobody_asks_for_it_any_more():
    begun, before = [], torch.get_num_threads()

    def work(number):
        begun.append(number)
        time.sleep(0.005)

    torch.set_num_threads(2)
    try:
        results = parallel_map(work, range(200), torch.device('cpu'))
        next(results)
        results.close()
        assert len(begun) < 100
    finally:
        torch.set_num_threads(before)
