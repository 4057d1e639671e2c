"""What computes embeddings cuts photos down to their people where it is asked to, in Python and as a command."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from eval import extract
from ifd_zoo.images.loading import ImageError
from ifd_zoo.index import index_key
from ifd_zoo.index.__main__ import main as index
from ifd_zoo.parsing import NoParser, ParserError
from ifd_zoo.parsing.people import find_people
from ifd_zoo.predictor import Predictor
from tests.extraction import MODEL, info_of
from tests.scenes import LARGE, SMALL, ColourParser, full_scene, scene


def test_a_predictor_that_crops_sees_what_the_crop_shows(ifd):
    crops, plain = (Predictor(ifd, ColourParser(), 'cpu', crop=crop) for crop in (True, False))
    photo, ready = scene(SMALL), full_scene()
    ((box,),) = find_people([photo], ColourParser())
    found = crops.embed([photo, ready])
    np.testing.assert_array_equal(found, plain.embed([photo.crop(box), ready]))
    assert np.abs(found[0] - plain.embed([photo])[0]).max() > 1e-3
    assert crops.analyze([photo])[0].label_map.shape == (box[3] - box[1], box[2] - box[0])
    with pytest.raises(ImageError, match='image 1: no person found'):
        crops.embed([photo, scene()])


def test_a_parser_that_cannot_look_finds_nobody_and_is_refused(ifd):
    with pytest.raises(ParserError, match='a parser that looks at photos, unlike none'):
        Predictor(ifd, NoParser(), 'cpu', crop=True)


def test_embeddings_of_crops_and_of_photos_are_kept_apart(baseline):
    keys = [index_key(Predictor(baseline, ColourParser(), 'cpu', crop=crop)) for crop in (True, False)]
    assert keys[0] == {**keys[1], 'crop': True, 'parser': 'colours'}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for name, photo in (('a', scene(SMALL)), ('b', scene(LARGE)), ('nobody', scene())):
        photo.save(folder / f'{name}.png')
    return folder


def test_the_index_takes_people_in_and_leaves_photos_without_any_out(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('ifd_zoo.predictor.load_parser', lambda *_: ColourParser())
    command = ['--index', str(tmp_path / 'index'), '--device', 'cpu', '--crop']
    assert index(['build', *command, '--images', str(photos)]) == 0
    printed = capsys.readouterr()
    assert '2 images; 2 added' in printed.out and 'left out: nobody.png: no person found' in printed.err
    ((box,),) = find_people([scene(SMALL)], ColourParser())
    scene(SMALL).crop(box).save(tmp_path / 'query.png')
    assert index(['search', *command, '--query', str(tmp_path / 'query.png'), '--top-k', '1']) == 0
    assert '+1.0000  a.png' in capsys.readouterr().out


def test_extract_takes_people_and_leaves_photos_without_any_out(photos, tmp_path, monkeypatch):
    monkeypatch.setattr('ifd_zoo.parsing.mask_source.load_parser', lambda *_: ColourParser())
    output = tmp_path / 'file'
    command = ['--model', MODEL, '--images', str(photos), '--device', 'cpu', '--output', str(output), '--masks']
    assert extract.main([*command, 'bundled', '--crop']) == 0
    info = info_of(output)
    assert info['paths'] == ['a.png', 'b.png'] and info['crop'] is True
    assert [one['path'] for one in info['unreadable']] == ['nobody.png']
    predictor = Predictor(MODEL, ColourParser(), 'cpu', crop=True)
    expected = predictor.embed([photos / 'a.png', photos / 'b.png'])
    np.testing.assert_allclose(load_file(output)['embeddings'], expected, atol=1e-5)


def test_extract_crops_by_a_parser_only(photos, tmp_path, capsys):
    command = ['--model', MODEL, '--images', str(photos), '--output', str(tmp_path / 'file'), '--device', 'cpu']
    assert extract.main([*command, '--masks', 'none', '--crop']) == 2
    assert 'finding people needs a parser that looks at photos' in capsys.readouterr().err
