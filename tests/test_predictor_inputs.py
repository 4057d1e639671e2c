"""What `Predictor` is given: one picture or several, a URL, and networks that were trained or not."""

import warnings

import numpy as np
import pytest

from ifd_zoo.hub import create_model, load_model, save_release
from ifd_zoo.images.loading import ImageError
from ifd_zoo.predictor import Predictor
from tests import test_predictor
from tests.test_predictor import photo

predictor = test_predictor.predictor


@pytest.mark.parametrize('kind', ['text', 'path', 'array', 'grey array', 'with alpha', 'picture'])
def test_one_picture_is_a_list_of_one(predictor, tmp_path, kind):
    photo(0).save(tmp_path / 'a.png')
    one = {
        'text': str(tmp_path / 'a.png'), 'path': tmp_path / 'a.png', 'array': np.asarray(photo(0)),
        'grey array': np.asarray(photo(0).convert('L')), 'with alpha': np.asarray(photo(0).convert('RGBA')),
        'picture': photo(0),
    }[kind]  # fmt: skip
    assert np.array_equal(predictor.embed(one), predictor.embed([one])) and predictor.embed(one).shape == (1, 512)
    (analysis,), (expected,) = predictor.analyze(one), predictor.analyze([one])
    assert np.array_equal(analysis.attention, expected.attention)
    label_map = np.zeros((120, 60), np.uint8)
    assert np.array_equal(predictor.embed(one, label_map), predictor.embed([one], [label_map]))
    assert [match.index for match in predictor.rank(photo(0), one)] == [0]


def test_arrays_of_several_pictures_are_several(predictor):
    colours, greys = np.stack([photo(0), photo(1)]), np.stack([photo(0).convert('L'), photo(1).convert('L')])
    assert len(predictor.embed(colours)) == len(predictor.embed(greys)) == 2
    assert len(predictor.embed(photo(seed) for seed in range(3))) == 3


@pytest.mark.parametrize('url', ['https://example.org/a.jpg', 'HTTP://example.org/a.jpg', 's3://bucket/a.jpg',
                                 'data:image/png;base64,' + 'A' * 5000])  # fmt: skip
def test_a_url_is_called_one_and_not_fetched(predictor, url):
    for one in (url, [photo(0), url]):
        with pytest.raises(ImageError, match='is a URL, and URLs are not fetched; save the picture'):
            predictor.embed(one)
    with pytest.raises(ImageError, match='is a URL'):
        predictor.attention(url)


def test_a_file_whose_name_looks_like_a_url_is_a_file(predictor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data:').mkdir()
    photo(0).save(tmp_path / 'data:' / 'a.png')
    assert len(predictor.embed('data:/a.png')) == 1


def test_fresh_weights_are_said_aloud_and_trained_ones_are_not(ifd, tmp_path):
    folder = save_release(ifd, tmp_path / 'release', 'test', {'input_size': [3, 64, 32]})
    for source in (ifd, folder, create_model('ifd_baseline_resnet10t')):
        with pytest.warns(UserWarning, match='resnet10t.*: fresh weights, not trained'):
            Predictor(source, 'none', 'cpu', precision='fp32')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for source in ('ifd_resnet10t', load_model('ifd_baseline_resnet10t')):
            Predictor(source, 'none', 'cpu', precision='fp32')
