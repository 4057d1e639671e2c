"""Labels in file names: those of the data sets are read as their readers do, ordinary names have none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifd_zoo.datasets import load_dataset
from ifd_zoo.gallery import example_photos
from ifd_zoo.uploads import Label, Mark, mark, read_label
from ifd_zoo.uploads.names import shorten_middle
from tests import trees

LABELLED = {
    '0002_c1s1_000451_03.jpg': Label('market1501', 2, 1, 0),
    '-1_c3s2_014562_00.jpg': Label('market1501', -1, 3, 0),
    '0000_c6s3_077467_02.JPG': Label('market1501', 0, 6, 0),
    'bounding_box_test/0002_c1s1_000451_03.jpg.jpg': Label('market1501', 2, 1, 0),
    '0002_c1s1_000451_03 (1).jpg': Label('market1501', 2, 1, 0),
    '0012/1/0002_c1s1_000451_03.jpg': Label('market1501', 2, 1, 0),
    '001_1_c3_015833.png': Label('ltcc', 1, 3, 1),
    '094_12_c11_004064.png': Label('ltcc', 94, 11, 12),
    '0257-03-01-05.jpg': Label('vc_clothes', 257, 3, 1),
    'P100_C3_17_day1_000.jpg': Label('deepchange', 100, 3, 17),
    'rgb/train/001/A_cropped_rgb001.jpg': Label('prcc', 1, 0, 0),
    '001/C_cropped_rgb001.jpg': Label('prcc', 1, 2, 1),
    'test/B/085/cropped_rgb222.jpg': Label('prcc', 85, 1, 0),
    r'test\B\085\cropped_rgb222.jpg': Label('prcc', 85, 1, 0),
    'p152_o2_c5.jpg': Label('examples', 152, 5, 2),
    '1_p152_o0_c1.jpg': Label('examples', 152, 1, 0),
    'gallery/000012/2/c3_0.jpg': Label('folder', 12, 3, 2),
    '0012/2/IMG_2034.jpg': Label('folder', 12, None, 2),
    'person_12/outfit_2/IMG_2034.jpg': Label('folder', 12, None, 2),
    'Person Anna/clothes-red/a.jpg': Label('folder', 'Anna', None, 'red'),
}
ORDINARY = [
    'IMG_2034.jpg',
    '20240101_120000.jpg',
    'DSC_0001.JPG',
    'DSC00012.JPG',
    'PXL_20240101_120000123.MP.jpg',
    'WhatsApp Image 2024-01-01 at 12.00.00.jpeg',
    'Screenshot_2024-01-01-12-00-00.png',
    'IMG-20240101-WA0001.jpg',
    '2024-01-02-12.jpg',
    '2024_01_02_1200.jpg',
    '12_3_0.jpg',
    '000123_0004_05.jpg',
    '1.jpg',
    'photo.png',
    '',
    'A_cropped_rgb001.jpg',
    'cropped_rgb001.jpg',
    '001/cropped_rgb001.jpg',
    'c1_0.jpg',
    '2024/01/IMG_2034.jpg',
    '2024/1/c1_0.jpg',
    '12/3/IMG_2034.jpg',
    'anna/gallery/c1_0.jpg',
    'gallery/0012/c1_0.jpg',
    'identity/outfits/a.jpg',
    'holiday/0012/a.jpg',
    '\u0660\u0661\u0662/1/a.jpg',
    '9' * 5000 + '_1_c3_015833.png',
    'x\u2026012/2/c3_0.jpg',
    # Numbers alone, although in a folder of a data set.
    'train/1_2_0.jpg',
    'last/train/000002/000002_0001_01.jpg',
]


def test_names_of_the_field_are_read():
    assert {name: read_label(name) for name in LABELLED} == LABELLED


def test_ordinary_names_have_no_label():
    assert [name for name in ORDINARY if read_label(name)] == []


def test_the_examples_of_the_package_are_labelled():
    query, gallery = ([read_label(path) for path in example_photos(kind)] for kind in ('query', 'gallery'))
    assert [label.pid for label in query] == [100002, 100138, 100026, 100007]
    assert all(sum(mark(one, other) == Mark.RIGHT for other in gallery) == 3 for one in query)


@pytest.mark.filterwarnings('ignore::ifd_zoo.datasets.common.CountWarning')
@pytest.mark.parametrize('dataset', ['deepchange', 'ltcc', 'market1501', 'prcc', 'vc_clothes'])
def test_a_data_set_is_read_as_its_reader_does(dataset, tmp_path):
    getattr(trees, f'write_{dataset}_tree')(tmp_path)
    protocol = load_dataset(dataset, tmp_path).protocols[0]
    for record in protocol.query + protocol.gallery:
        label = read_label(str(record.path))
        assert (label.scheme, label.pid) == (dataset, record.pid)
        assert label.camid == record.camid or dataset == 'deepchange'  # whose reader counts other cameras


QUERY = Label('market1501', 2, 1, 0)


@pytest.mark.parametrize(
    'query, gallery, expected',
    [
        (QUERY, Label('market1501', 2, 5, 0), Mark.RIGHT),
        (QUERY, QUERY, Mark.RIGHT),
        (QUERY, Label('market1501', 3, 1, 0), Mark.WRONG),
        (QUERY, Label('market1501', 0, 1, 0), Mark.WRONG),
        (QUERY, Label('market1501', -1, 1, 0), Mark.UNKNOWN),
        (Label('market1501', 0, 1), Label('market1501', 0, 2), Mark.UNKNOWN),
        (Label('market1501', -1, 1), Label('market1501', -1, 2), Mark.UNKNOWN),
        (QUERY, Label('ltcc', 2, 1, 0), Mark.UNKNOWN),
        (Label('examples', 0, 1, 0), Label('examples', 0, 2, 1), Mark.RIGHT),
        (QUERY, None, Mark.UNKNOWN),
        (None, QUERY, Mark.UNKNOWN),
        (None, None, Mark.UNKNOWN),
    ],
)
def test_marks_follow_the_protocol(query, gallery, expected):
    assert mark(query, gallery) is expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_name_has_a_label_or_none(name):
    assert read_label(name) is None or read_label(name).scheme


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(LABELLED)), st.text(st.characters(codec='ascii'), max_size=150))
def test_a_shortened_name_never_has_another_label(name, folders):
    whole = f'{folders}/{name}'
    assert read_label(shorten_middle(whole)) in (None, read_label(whole))
