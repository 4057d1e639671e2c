"""Uploads are cut down to the people in them."""

from pathlib import Path

import gradio as gr
import pytest
from PIL import ExifTags, Image

from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.cropping import choose, crop_uploads
from ifd_zoo.parsing import NoParser
from ifd_zoo.parsing.people import find_people
from tests.clips import write_pictures
from tests.page import items, make_models, upload, uploads_folder
from tests.scenes import LARGE, SMALL, ColourParser, scene


@pytest.fixture(scope='module')
def models():
    models = make_models()
    models.parser = ColourParser()
    return models


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return uploads_folder(monkeypatch, tmp_path)


def given(folder, name, *boxes, size=(320, 240)):
    (folder / 'disk').mkdir(exist_ok=True)
    scene(*boxes, size=size).save(folder / 'disk' / f'{name}.png')
    return upload(folder, folder / 'disk' / f'{name}.png')


def test_a_photo_becomes_the_crop_of_its_person_under_its_own_name(models, folder):
    photo = given(folder, 'p7_o1_c2', SMALL)
    path, people, said = crop_uploads(models, Sessions(), False, False, True, photo)
    ((box,),) = find_people([scene(SMALL)], ColourParser())
    assert Path(path).stem == 'p7_o1_c2' and Image.open(path).size == (box[2] - box[0], box[3] - box[1])
    assert not people['visible'] and said == '`p7_o1_c2.png` was cropped to the person.'
    again = {'path': path, 'orig_name': Path(path).name}
    assert crop_uploads(models, Sessions(), True, True, True, items(again))[0] == gr.skip()


def test_of_several_people_one_is_chosen(models, folder):
    path, people, said = crop_uploads(models, Sessions(), False, False, True, given(folder, 'a', SMALL, LARGE))
    sizes = [Image.open(one).size for one in people['value']]
    assert len(sizes) == 2 and sizes[0] == Image.open(path).size > sizes[1]
    assert people['visible'] and said == '2 people in `a.png`: click the one you mean.'


def test_a_click_takes_the_crop_and_there_are_no_others():
    crops = items({'path': '/a/1.jpg'}, {'path': '/a/2.jpg'})
    assert choose(crops, 1) == '/a/2.jpg'
    with pytest.raises(gr.Error, match='no person 3'):
        choose(crops, 2)


def test_a_gallery_takes_everybody_and_leaves_out_photos_of_nobody_with_a_message(models, folder):
    photos = items(given(folder, 'two', SMALL, LARGE), given(folder, 'nobody'))
    paths, people, said = crop_uploads(models, Sessions(), True, True, True, photos)
    assert [Path(path).name for path in paths] == ['two.jpg', 'two (2).jpg'] and not people['visible']
    assert said == '2 people in `two.png`.\n\n**no person found** in `nobody.png`: left out.'


@pytest.mark.parametrize(
    ('wanted', 'box', 'size'), [(False, SMALL, (320, 240)), (True, (10, 10, 110, 230), (120, 240))]
)
def test_photos_stay_where_nothing_is_to_be_cut(models, folder, wanted, box, size):
    photo = given(folder, 'a', box, size=size)
    for many, value in ((False, photo), (True, items(photo))):
        value, people, said = crop_uploads(models, Sessions(), many, False, wanted, value)
        assert value == gr.skip() and not people['visible'] and said == ''


def test_photos_as_upright_as_crops_are_taken_as_they_come(models, folder):
    photo = given(folder, 'a', (20, 60, 40, 120), size=(60, 130))
    assert len(find_people([Image.open(photo['path'])], ColourParser())[0]) == 1
    assert crop_uploads(models, Sessions(), False, False, True, photo)[0] == gr.skip()


def test_a_gallery_of_crops_is_recognised_by_the_headers_of_its_files(models, folder, monkeypatch):
    photo, turned = given(folder, 'a', (20, 60, 40, 120), size=(60, 130)), folder / 'disk' / 'turned.jpg'
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    scene(SMALL).rotate(90, expand=True).save(turned, exif=exif, quality=95)  # stored upright, shown 320 x 240
    monkeypatch.setattr('ifd_zoo.page.models.load_image', lambda *_: pytest.fail('pixels are decoded'))
    assert crop_uploads(models, Sessions(), True, True, True, items(photo))[0] == gr.skip()
    monkeypatch.undo()
    path, *_ = crop_uploads(models, Sessions(), False, False, True, upload(folder, turned))
    assert Path(path).stem == 'turned'


def test_without_a_parser_that_looks_nothing_is_cut(models, folder, monkeypatch):
    monkeypatch.setattr(models.get(models.names[0]), 'parser', NoParser())
    photo = given(folder, 'a', SMALL)
    assert crop_uploads(models, Sessions(), False, False, True, photo)[0] == gr.skip()


def test_a_photo_that_cannot_be_read_stays_to_be_named_where_it_is_used(models, folder):
    bad = folder / 'disk' / 'bad.jpg'
    photos = items(given(folder, 'a', SMALL))
    bad.write_text('no picture')
    photos += items(upload(folder, bad))
    paths, *_ = crop_uploads(models, Sessions(), True, True, True, photos)
    assert [Path(path).name for path in paths] == ['a.jpg', 'bad.jpg']


def test_a_video_becomes_one_crop_for_each_person_and_second(models, folder):
    pictures = [scene(SMALL, LARGE), scene(LARGE), scene()]
    (folder / 'disk').mkdir()
    photos = items(upload(folder, write_pictures(folder / 'disk' / 'clip', pictures), 'yard.mp4'))
    paths, people, said = crop_uploads(models, Sessions(), True, True, True, photos)
    assert [Path(path).name for path in paths] == [
        'yard.mp4 0m00s.jpg', 'yard.mp4 0m00s (2).jpg', 'yard.mp4 0m01s.jpg',
    ]  # fmt: skip
    assert not people['visible'] and '**no person found** in `yard.mp4 0m02s`' in said


def test_a_crop_of_a_photo_with_a_very_long_name_can_be_written(models, folder):
    photo = given(folder, 'a', SMALL) | {'orig_name': '\U0001f9e5' * 200 + '.png'}
    path, *_ = crop_uploads(models, Sessions(), False, False, True, photo)
    assert Path(path).is_file()
