"""Uploads of every kind: pictures are kept, everything else is named with what to do."""

import os
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.uploads import Label, Limits, check_photo, collect
from ifd_zoo.uploads.names import LONGEST, Names, clean
from tests.zips import picture, write_zip


@pytest.fixture
def into(tmp_path):
    return tmp_path / 'taken' / 'in'


def upload(tmp_path, name, content):
    """A file as it lies on disk after an upload, and the name its user knows it by."""
    path = tmp_path / f'upload{len(list(tmp_path.iterdir()))}'
    path.write_bytes(content)
    return PhotoFile(path, name)


def names(collected):
    return [file.name for file in collected.files]


def test_pictures_stay_where_they_are_and_those_of_a_zip_are_written(tmp_path, into):
    one = upload(tmp_path, '0002_c1s1_000451_03.jpg', picture(1, 'JPEG'))
    archive = write_zip(tmp_path / 'more.zip', {'0012/1/a.jpg': picture(2), 'b.gif': picture(3, 'GIF')})
    result = collect([one, archive], into)
    assert names(result) == ['0002_c1s1_000451_03.jpg', '0012/1/a.jpg', 'b.gif']
    assert result.files[0].path == one.path
    assert result.labels == [Label('market1501', 2, 1, 0), Label('folder', 12, None, 1), None]
    assert result.skipped == []
    assert sorted(into.iterdir()) == sorted(file.path for file in result.files[1:])
    assert [load_image(*file).size for file in result.files] == [(16, 24)] * 3


def test_no_uploads_give_an_empty_gallery(into):
    assert collect([], into) == ([], [], [])


REFUSED = {
    'empty.jpg': (b'', r'is empty \(0 bytes\); copy it again'),
    'text.jpg': (b'no picture\n', 'is not a picture; supported formats are JPEG'),
    'IMG_1.HEIC': (b'\0\0\0\x18ftypheic' + bytes(99), 'is a HEIC photo.*install.*save it as JPEG'),
    'a.avif': (b'\0\0\0\x18ftypavif' + bytes(99), 'is damaged or incomplete'),
    'a.svg': (
        b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        'is an SVG drawing.*export it as PNG',
    ),
    'a.pdf': (b'%PDF-1.7\n', 'is a PDF document'),
    'rar.zip': (b'Rar!\x1a\7\0' + bytes(99), 'is a RAR archive.*put its pictures into a ZIP'),
    'seven.zip': (b'7z\xbc\xaf\x27\x1c' + bytes(99), 'is a 7-Zip archive'),
    'tar.zip': (bytes(257) + b'ustar' + bytes(250), 'is a tar archive'),
    'page.zip': (b'<html>Not found</html>', 'is not a ZIP, despite its name'),
    'drawing.eps': (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'is not a picture'),
    'header.png': (b'\x89PNG\r\n\x1a\n', 'is damaged'),
    'thin.png': (picture(size=(7, 200)), 'is 7 x 200 pixels; at least 8'),
    'flat.png': (picture(size=(200, 7)), 'is 200 x 7 pixels; at least 8'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_an_unusable_file_is_named_with_a_reason_alone_and_in_a_zip(name, tmp_path, into):
    content, reason = REFUSED[name]
    photo = upload(tmp_path, name, content)
    alone = collect([photo], into)
    packed = collect([write_zip(tmp_path / 'all.zip', {name: content, 'good.png': picture()})], into)
    assert alone.files == [] and names(packed) == ['good.png']
    for result, start in ((alone, name), (packed, f'all.zip/{name}')):
        assert len(result.skipped) == 1 and result.skipped[0].startswith(f'{start}: ')
        assert re.search(reason, result.skipped[0])
        assert str(tmp_path) not in result.skipped[0]
    for use in (check_photo, lambda photo: load_image(*photo)):
        with pytest.raises(ImageError, match=f'^{re.escape(alone.skipped[0])}$'):
            use(photo)


def test_a_photo_by_itself_may_not_be_a_zip(tmp_path):
    with pytest.raises(ImageError, match='a.zip: is a ZIP, not a picture; unpack it'):
        check_photo(PhotoFile(write_zip(tmp_path / 'a.zip', {'a.png': picture()}), 'a.zip'))


def test_content_counts_and_not_the_suffix(tmp_path, into):
    archive = write_zip(tmp_path / 'archive', {'a': picture(1)})
    result = collect([upload(tmp_path, 'picture.zip', picture()), PhotoFile(archive, 'archive.jpg')], into)
    assert names(result) == ['picture.zip', 'a'] and result.skipped == []


def test_a_folder_a_missing_file_and_a_pipe_are_refused(tmp_path, into):
    os.mkfifo(tmp_path / 'pipe')
    result = collect([tmp_path, tmp_path / 'gone.jpg', tmp_path / 'pipe', tmp_path / ('x' * 300)], into)
    reasons = [line.split(': ')[1] for line in result.skipped]
    assert reasons[:3] == [
        'is a folder, not a picture; give the files in it',
        'no such file; it may have been moved or deleted',
        'is not an ordinary file; copy the picture itself',
    ]
    assert reasons[3].startswith('cannot be read (File name too long)')


def test_the_same_file_is_kept_once_and_the_other_named(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'again.png': picture(1), 'other.png': picture(2)})
    result = collect([upload(tmp_path, 'one.png', picture(1)), archive, archive], into)
    assert names(result) == ['one.png', 'other.png']
    assert len(result.skipped) == 3
    assert result.skipped[0].startswith('a.zip/again.png: has the same content as one.png, and is kept once')
    assert list(into.iterdir()) == [result.files[1].path]


ODD_NAMES = {
    'it\'s "quoted" <b>.png': 'it\'s "quoted" <b>.png',
    '\u4eba\U0001f469\u200d\U0001f9b0 \u00e9.png': '\u4eba\U0001f469\u200d\U0001f9b0 \u00e9.png',
    'a\x00\x1b[31m\n\r\tb\x85\u2028.png': 'a[31mb.png',
    'a\u202egnp.exe': 'agnp.exe',
    'bad\udcff.png': 'bad\ufffd.png',
    '../../etc/passwd.png': 'etc/passwd.png',
    '/etc/a.png': 'etc/a.png',
    r'C:\Users\anna\a.png': 'Users/anna/a.png',
    r'\\server\share\..\a.png': 'server/share/a.png',
    '..': 'unnamed',
    '': 'unnamed (2)',
    '\x01': 'unnamed (3)',
}


def test_odd_names_are_cleaned_and_equal_ones_numbered(tmp_path, into):
    files = [upload(tmp_path, name, picture(number)) for number, name in enumerate(ODD_NAMES)]
    assert names(collect(files, into)) == list(ODD_NAMES.values())


def test_a_long_name_is_shortened_in_the_middle(tmp_path, into):
    photo = upload(tmp_path, f'../first{"x" * 300}\nlast.png', picture())
    checked = check_photo(photo)
    assert checked.path == photo.path and names(collect([photo], into)) == [checked.name]
    assert re.fullmatch('firstx+\u2026x+last.png', checked.name) and len(checked.name) == LONGEST


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_name_comes_out_clean_and_stays_so(name):
    cleaned = clean(name)
    assert cleaned and clean(cleaned) == cleaned
    assert cleaned.encode() and not any(ord(one) < 32 for one in cleaned)
    assert not {'', '.', '..'} & set(cleaned.split('/'))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(['a.png', 'a (2).png', 'a (3).png', 'x' * 300, 'a.' + 'y' * 100, 'b'])))
def test_names_are_given_once_and_are_short(wanted):
    given_names = Names()
    out = [given_names.give(name) for name in wanted]
    assert len(set(out)) == len(out) and all(len(name) <= LONGEST for name in out)


LIMITS = Limits(max_files=2, max_file_bytes=5_000, max_total_bytes=12_000, max_pixels=5_000)


def test_a_file_that_is_too_large_is_named_and_the_next_taken(tmp_path, into):
    files = [upload(tmp_path, 'large.png', picture() + bytes(5_000)), upload(tmp_path, 'b.png', picture())]
    result = collect(files, into, LIMITS)
    assert names(result) == ['b.png']
    assert result.skipped == ['large.png: has more than 0.005 MB, the limit for one picture; make it smaller']


def test_too_many_pixels_and_strips_are_refused_by_the_header(tmp_path, into):
    files = [upload(tmp_path, 'strip.png', picture(size=(20_000, 20))), tmp_path / 'b.png']
    Image.new('1', (9_200, 9_200)).save(files[1])
    strip = 'strip.png: is 20000 x 20 pixels; a picture is at most 100 times as long as wide, so cut the person out'
    assert collect(files, into).skipped == [strip, 'b.png: has more than 80 megapixels; make it smaller']
    assert collect(files[:1], into, LIMITS).skipped == ['strip.png: has more than 0.005 megapixels; make it smaller']


def test_collecting_ends_after_the_allowed_number_of_pictures(tmp_path, into):
    members = {'0.png': picture(0), '1.png': picture(1), 'readme.txt': b'hello'}
    exactly = collect([write_zip(tmp_path / 'a.zip', members)], into, LIMITS)
    assert len(exactly.files) == 2 and len(exactly.skipped) == 1 and 'not a picture' in exactly.skipped[0]
    archive = write_zip(tmp_path / 'a.zip', {f'{number}.png': picture(number) for number in range(5)})
    result = collect([archive, upload(tmp_path, 'late.png', picture(9))], into, LIMITS)
    assert names(result) == ['0.png', '1.png'] and len(list(into.iterdir())) == 4
    reason = 'a gallery has at most 2 pictures; give fewer'
    assert result.skipped == [f'a.zip/2.png: is left out, and all files after it: {reason}']


def test_collecting_ends_at_the_number_of_bytes_alone_and_in_a_zip(tmp_path, into):
    padded = {f'{number}.png': picture(number) + bytes(4_000) for number in range(4)}
    alone = [upload(tmp_path, name, content) for name, content in padded.items()]
    archive = write_zip(tmp_path / 'a.zip', padded)
    for uploads, start in ((alone, '2.png'), ([archive], 'a.zip/2.png')):
        result = collect(uploads, into, replace(LIMITS, max_files=9))
        assert names(result) == ['0.png', '1.png']
        reason = 'at most 0.012 MB are unpacked; give fewer'
        assert result.skipped == [f'{start}: is left out, and all files after it: {reason}']


def test_five_thousand_files_in_a_zip_take_seconds(tmp_path, into):
    members = {f'{number // 100:04d}/0/c1_{number}.png': picture(number) for number in range(5_000)}
    archive = write_zip(tmp_path / 'many.zip', members)
    started = time.process_time()
    result = collect([archive], into)
    assert time.process_time() - started < 20
    assert len(set(names(result))) == 5_000 and result.skipped == []
    assert result.labels[4_999] == Label('folder', 49, 1, 0)


def test_five_thousand_files_of_one_name_take_seconds(tmp_path, into):
    given_names = Names()
    started = time.process_time()
    assert len({given_names.give('a.png') for _ in range(5_000)}) == 5_000
    assert time.process_time() - started < 5


def test_a_folder_that_cannot_be_written_to_is_an_error_and_nothing_is_left(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(OSError, match='Not a directory|File exists'):
        collect([write_zip(tmp_path / 'a.zip', {'a.png': picture()})], tmp_path / 'file')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.zip', 'file']
