"""A folder of the machine as a gallery: what is in it, and nothing beyond."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from ifd_zoo.images.loading import ImageError
from ifd_zoo.uploads import Label, Limits, collect_folder
from tests import trees
from tests.zips import picture, write_zip

NOBODY = 65534


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'root').mkdir()
    return tmp_path / 'root'


def put(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(collected):
    return [file.name for file in collected.files]


def test_pictures_of_all_folders_come_sorted_by_path_and_once(root):
    for number, name in enumerate(('b.png', 'a/z.jpg', 'a/b/c.PNG', 'a-b.png', 'a/plain', '1.png')):
        put(root, name, picture(number))
    put(root, 'b/b.png', picture(0))
    result = collect_folder(root)
    assert names(result) == ['1.png', 'a/b/c.PNG', 'a/plain', 'a/z.jpg', 'a-b.png', 'b/b.png']
    assert [file.path for file in result.files] == [root / name for name in names(result)]
    assert len(result.skipped) == 1 and result.skipped[0].startswith('b.png: has the same content as b/b.png')
    assert len(result.labels) == 6


def test_other_files_are_left_out_silently_and_those_that_should_be_pictures_are_named(root):
    for name in ('README.txt', 'labels.csv', '.DS_Store', 'Thumbs.db', 'a/desktop.ini', '.hidden/a.png'):
        put(root, name, b'whatever')
    put(root, '__MACOSX/b.png', b'whatever')
    put(root, 'a.jpg', b'no picture')
    put(root, 'b.heic', b'\0\0\0\x18ftypheic')
    put(root, 'c.svg', b'<svg/>')
    put(root, 'empty.png', b'')
    write_zip(root / 'd.zip', {'a.png': picture()})
    os.mkfifo(root / 'pipe.png')
    result = collect_folder(root)
    assert names(result) == []
    starts = [
        'a.jpg: is not a picture',
        'b.heic: is a HEIC',
        'c.svg: is an SVG',
        'd.zip: is a ZIP',
        'empty.png: is empty',
        'pipe.png: is not an ordinary file; copy the picture itself',
    ]
    assert all(line.startswith(start) for line, start in zip(result.skipped, starts, strict=True))


def test_links_are_not_followed_but_the_folder_itself_may_be_one(root, tmp_path):
    put(tmp_path, 'outside/secret.png', picture())
    put(root, 'a.png', picture(1))
    (root / 'link.png').symlink_to(tmp_path / 'outside/secret.png')
    (root / 'folder').symlink_to(tmp_path / 'outside')
    (root / 'circle').symlink_to(root)
    (root / 'broken.png').symlink_to('nowhere')
    result = collect_folder(root)
    assert names(result) == ['a.png']
    assert [line.split(': ')[0] for line in result.skipped] == ['broken.png', 'circle', 'folder', 'link.png']
    assert all('is a link, which is not followed' in line for line in result.skipped)
    (tmp_path / 'link').symlink_to(root)
    assert names(collect_folder(tmp_path / 'link')) == ['a.png']


@contextmanager
def ordinary_user():
    """Root may read everything, so the tests for permissions run as somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_unreadable_files_and_folders_are_named():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        root = Path(folder)
        locked = [put(root, 'a.png', picture()), put(root, 'locked/b.png', picture(1)).parent]
        put(root, 'c.png', picture(2))
        for path in locked:
            path.chmod(0)
        with ordinary_user():
            result = collect_folder(root)
            with pytest.raises(ImageError, match='cannot be read'):
                collect_folder(root / 'locked')
        locked[1].chmod(0o755)
    assert names(result) == ['c.png']
    assert [line.split(';')[0] for line in result.skipped] == [
        'a.png: cannot be read (Permission denied)',
        'locked: cannot be read (Permission denied)',
    ]


def test_deeply_nested_folders_are_named_and_not_searched(root):
    put(root, 'x/' * 32 + 'a.png', picture())
    put(root, 'y/' * 200 + 'b.png', picture(1))
    result = collect_folder(root)
    assert len(names(result)) == len(result.skipped) == 1
    assert 'is more than 32 folders deep, the limit; move its pictures up' in result.skipped[0]


def test_all_limits_hold_except_that_for_the_bytes_of_all_files(root):
    for number in range(4):
        put(root, f'{number}.png', picture(number))
    put(root, 'a.png', picture(9) + bytes(9_000))
    result = collect_folder(root, Limits(max_files=3, max_total_bytes=1))
    assert names(result) == ['0.png', '1.png', '2.png']
    reason = 'a gallery has at most 3 pictures; give fewer'
    assert result.skipped == [f'3.png: is left out, and all files after it: {reason}']
    result = collect_folder(root, Limits(max_file_bytes=8_000))
    assert len(result.files) == 4 and result.skipped[0].startswith('a.png: has more than 0.008 MB')
    assert 'at most 2 files are looked at' in collect_folder(root, Limits(max_entries=2)).skipped[0]


def test_odd_names_are_cleaned_and_the_files_found(root):
    for number, name in enumerate(('a\\..\\b.png', 'line\nbreak.png', 'quote\'".png', os.fsdecode(b'\xff.png'))):
        put(root, name, picture(number))
    result = collect_folder(root)
    assert names(result) == ['a_.._b.png', 'linebreak.png', 'quote\'".png', '\ufffd.png']
    assert all(file.path.is_file() for file in result.files)


def test_labels_are_read_from_folders_above_the_root(tmp_path):
    trees.write_prcc_tree(tmp_path)
    result = collect_folder(tmp_path / 'rgb/test/C')
    assert names(result)[0] == '004/cropped_rgb000.jpg'
    assert {label for label in result.labels} == {Label('prcc', 4, 2, 1), Label('prcc', 40, 2, 1)}
    trees.write_folder_tree(tmp_path / 'set', 1, 1, 1, 2)
    assert set(collect_folder(tmp_path / 'set/gallery').labels) == {Label('folder', 1, 1, 0)}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ImageError, match='nowhere: no such folder; give one that holds pictures'):
        collect_folder(tmp_path / 'nowhere')
