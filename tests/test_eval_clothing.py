"""What clothes do to models on photos: figures against slow ones, and the script."""

import json

import numpy as np
import pytest

from eval import clothing
from eval.photos.clothing import correlation, cut_to_person, measure_model
from eval.photos.photo_views import Photos
from ifd_zoo.explain.region_shares import evidence_shares
from ifd_zoo.predictor import Predictor
from ifd_zoo.recolour import clothing_sensitivity
from tests.test_recoloured import PEOPLE, draw_people

IFD, BASELINE = 'ifd_resnet10t.synthetic', 'ifd_baseline_resnet10t.synthetic'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return draw_people(tmp_path_factory.mktemp('clothing'))


def measure(data, path, *models):
    words = ['--photos', data / 'photos', '--labels', data / 'labels', '--masks', 'none', '--device', 'cpu']
    return clothing.main([*map(str, words), '--json', str(path), '--models', *models])


def test_figures_are_those_of_each_photo_by_itself(data):
    predictor = Predictor(IFD, 'none', 'cpu', precision='fp32')
    photos = Photos(data / 'photos', data / 'labels', None).load(sorted((data / 'photos').iterdir())[:3])
    people = [cut_to_person(photo) for photo in photos]
    found, maps = measure_model(predictor, people)
    gallery = np.concatenate([predictor.embed([one.image], [one.label_map]) for one in people])
    moved = [clothing_sensitivity(predictor, one.image, gallery, one.label_map).value for one in people]
    assert found['S']['value'] == pytest.approx(np.mean(moved), abs=1e-5)
    pairs = [first @ second for place, first in enumerate(gallery) for second in np.delete(gallery, place, 0)]
    assert found['spread'] == pytest.approx(np.std(pairs), abs=1e-5)
    alone = [predictor.analyze([one.image], [one.label_map])[0].attention for one in people]
    assert all(np.allclose(*pair, atol=1e-5) for pair in zip(maps, alone, strict=True))
    shares = [evidence_shares(*pair) for pair in zip(alone, (one.label_map for one in people), strict=True)]
    mean = {name: np.mean([one[name] for one in shares]) for name in shares[0]}
    mean['head and skin'] = mean.pop('head') + mean.pop('skin')
    assert found['W_I'] == pytest.approx(mean, abs=1e-5)


def test_the_script_has_a_row_for_each_model(data, tmp_path, capsys):
    assert measure(data, tmp_path / 'x.json', BASELINE, IFD) == 0
    baseline, ifd = json.loads((tmp_path / 'x.json').read_text())
    assert ifd['photos'] == PEOPLE and 'W_I' not in baseline and 'agreement' not in baseline
    assert ifd['agreement'] == pytest.approx(1)
    assert f'| {BASELINE} | {baseline["S"]["value"]:.3f} [' in capsys.readouterr().out


def test_a_person_is_cut_out_with_a_margin(data):
    (photo,) = Photos(data / 'photos', data / 'labels', None).load(sorted((data / 'photos').iterdir())[:1])
    person = cut_to_person(photo)
    assert person.image.size == person.label_map.shape[::-1]
    assert (person.label_map > 0).sum() == (photo.label_map > 0).sum()
    rows = np.flatnonzero((person.label_map > 0).any(1))
    assert rows[0] <= 0.06 * person.image.height and person.image.width < photo.image.width


@pytest.mark.parametrize('first, second, expected', [
    (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) * 3 + 1, 1),
    (np.arange(6.0).reshape(2, 3), -np.arange(6.0).reshape(2, 3), -1),
    (np.ones((2, 3)), np.arange(6.0).reshape(2, 3), 0),
])
def test_maps_agree_as_far_as_they_correlate(first, second, expected):
    assert correlation(first, second) == pytest.approx(expected)


def test_several_trainings_in_a_row_are_refused(data, tmp_path, capsys):
    assert measure(data, tmp_path / 'x.json', f'{IFD},{BASELINE}') == 2
    assert 'has 2 trainings; give one' in capsys.readouterr().err
