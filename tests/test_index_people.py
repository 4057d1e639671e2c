"""Whose picture a file of a gallery is: `--labels` of `python -m ifd_zoo.index build`."""

import pytest
from PIL import Image

from ifd_zoo.index import GalleryIndexError, folder_files


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (32, 64), 'red').save(root / name)
    return root


def labels_of(root, labels='folders'):
    return {file.name: file.pid for file in folder_files(root, labels)}


@pytest.mark.parametrize(
    'person, files',
    {
        'anna': ['anna/IMG_1.jpg', 'anna/b.jpg'],  # each person has one folder
        '0012': ['0012/0/c1_0.jpg', '0012/1/c2_1.jpg'],  # the `folder` layout, as we render it
        'bert': ['bert/red/c1_0.jpg', 'bert/blue/c2_1.jpg'],  # the same with folders of any name
        '0013': ['0013/0/IMG_1.jpg', '0013/1/IMG_2.jpg'],  # what the page reads from uploads
        'person_7': ['person_7/outfit_1/a.jpg', 'person_7/outfit_2/a.jpg'],
        '001': ['A/001/cropped_rgb001.jpg', 'C/001/cropped_rgb002.jpg'],  # PRCC: a folder for each camera
        'p1': ['p1/p1_o0_c1.jpg', 'p1/p1_o1_c2.jpg'],
    }.items(),
)
def test_the_label_is_the_person_and_not_the_outfit(person, files, tmp_path):
    assert labels_of(write(tmp_path / 'photos', *files)) == dict.fromkeys(files, person)


@pytest.mark.parametrize(
    'files, reason',
    [
        (['anna/red/IMG_1.jpg'], "the person may be 'red' or 'anna'"),
        (['0/c1_0.jpg'], "'0' may be a person, or an outfit of 'photos'"),
        (['anna/a.jpg', '0012/0/c1_0.jpg'], 'some pictures are in person and others in person/outfit'),
        (['query/0012/0/c1_0.jpg', 'gallery/0012/0/c2_0.jpg'], 'one person or two'),
        (['all/0001_c1s1_000151_00.jpg', 'all/0002_c1s1_000151_00.jpg'], 'its file names belong to several persons'),
        (['anna/a.jpg', 'b.jpg'], 'b.jpg: has no label: it is outside the folders of persons'),
    ],
)
def test_folders_that_do_not_show_who_is_who_are_refused(files, reason, tmp_path):
    with pytest.raises(GalleryIndexError, match=reason):
        labels_of(write(tmp_path / 'photos', *files))


def test_one_person_s_own_folder_is_no_gallery_of_persons(tmp_path):
    with pytest.raises(GalleryIndexError, match="'1' may be a person, or an outfit of '0012'"):
        labels_of(write(tmp_path / '0012', '1/IMG_1.jpg'))


def test_the_layout_can_be_given(tmp_path):
    root = write(tmp_path / 'photos', 'anna/red/IMG_1.jpg')
    assert labels_of(root, 'person') == {'anna/red/IMG_1.jpg': 'red'}
    assert labels_of(root, 'person/outfit') == {'anna/red/IMG_1.jpg': 'anna'}
    assert labels_of(root, 'none') == {'anna/red/IMG_1.jpg': ''}
    with pytest.raises(GalleryIndexError, match='outside the folders of persons'):
        labels_of(write(root, 'bert/b.jpg'), 'person/outfit')
