"""Hostile ZIP archives: nothing is written outside, nothing is unpacked beyond the limits, no partial file is left."""

import os
import stat
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.uploads import Limits, collect
from ifd_zoo.uploads.limits import SMALL_TOTAL
from ifd_zoo.uploads.names import LONGEST
from tests.zips import BOMB_BYTES, bomb, encrypt, lie, lie_about_size, overlap, picture, special, write_zip


@pytest.fixture
def into(tmp_path):
    return tmp_path / 'into'


def collected(archive, into, limits=None):
    """Names, messages, and a check that exactly the kept files are there."""
    result = collect([archive], into, limits or Limits())
    assert sorted(into.iterdir()) == sorted(file.path for file in result.files)
    return [file.name for file in result.files], result.skipped


@pytest.mark.parametrize(
    'limits, reason',
    [
        (Limits(), 'grows more than 200 times'),
        (
            Limits(max_ratio=10_000, max_file_bytes=200_000),
            'has more than 0.2 MB, the limit for one picture; make it smaller',
        ),
    ],
)
def test_a_bomb_is_stopped_by_its_ratio_or_its_bytes_and_the_next_file_taken(limits, reason, tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'bomb.bmp': bomb(), 'good.png': picture()})
    names, skipped = collected(archive, into, limits)
    assert names == ['good.png']
    assert len(skipped) == 1 and skipped[0].startswith(f'a.zip/bomb.bmp: {reason}')


def test_many_bombs_are_stopped_by_the_bytes_of_all_including_those_not_kept(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {f'{number}.bmp': bomb(bytes([number])) for number in range(5)})
    names, skipped = collected(archive, into, Limits(max_total_bytes=2_500_000))
    assert names == []
    assert skipped[-1] == ('a.zip/2.bmp: is left out, and all files after it: at most 2.5 MB are unpacked; give fewer')


@pytest.mark.parametrize('zips', [1, 3])
def test_small_files_that_pack_well_are_stopped_by_the_ratio_of_all_zips(zips, tmp_path, into):
    members = [(f'{number}.bmp', picture(number, 'BMP', (600, 550))) for number in range(60)]  # each below SMALL_FILE
    paths = [write_zip(tmp_path / f'{n}.zip', members[n::zips]) for n in range(zips)]
    packed = sum(path.stat().st_size for path in paths)
    result = collect(paths, into)
    written = sum(path.stat().st_size for path in into.iterdir())
    assert packed < 200_000 and SMALL_TOTAL / 2 < written <= SMALL_TOTAL
    assert 'ZIPs may hold at most 50 times as much as their own bytes' in result.skipped[-1]
    larger = write_zip(tmp_path / 'larger.zip', [*members, ('noise.bin', os.urandom(1_500_000))])
    assert len(collect([larger], tmp_path / 'other').files) == 60


@pytest.mark.parametrize('size', [0, 1000, 2**31])
def test_a_wrong_size_in_a_header_does_not_raise_the_limits(size, tmp_path, into):
    archive = lie_about_size(write_zip(tmp_path / 'a.zip', {'bomb.bmp': bomb(), 'good.png': picture()}), size)
    names, skipped = collected(archive, into, Limits(max_file_bytes=100_000))
    assert names == ['good.png']
    assert len(skipped) == 1 and skipped[0].startswith('a.zip/bomb.bmp: ')


def test_overlapping_entries_are_refused(tmp_path, into):
    archive = write_zip(tmp_path / 'b.zip', {'bomb.bmp': bomb(), 'good.png': picture()})
    for bad in (overlap(tmp_path / 'a.zip', 50), lie(archive, 18, 20, 2**30)):
        names, skipped = collected(bad, into)
        assert names == []
        assert skipped == [
            f'{bad.name}: holds files that overlap, as in a ZIP bomb; make it again from the pictures'
        ]


def test_a_zip_of_too_many_entries_is_refused_by_number_and_by_the_size_of_its_table(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {f'{number}.png': b'' for number in range(20)})
    assert collected(archive, into, Limits(max_entries=19)) == (
        [],
        ['a.zip: holds more than 19 files, the limit; give smaller ZIPs'],
    )
    archive = write_zip(tmp_path / 'b.zip', {'x' * 60_000 + str(number): b'' for number in range(5)})
    names, skipped = collected(archive, into, Limits(max_entries=19))
    assert names == [] and skipped == ['b.zip: has an unusually large table of contents; give smaller ZIPs']


def test_entries_of_several_zips_count_together(tmp_path, into):
    archives = [write_zip(tmp_path / f'{n}.zip', {f'{m}.txt': b'x' for m in range(8)}) for n in range(3)]
    result = collect(archives, into, Limits(max_entries=19))
    assert len(result.skipped) == 20
    assert 'at most 19 files are looked at' in result.skipped[-1]


def test_a_zip_that_exceeds_the_limit_of_all_bytes_is_not_read(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'a.png': picture() + os.urandom(5_000)})
    limits = Limits(max_total_bytes=4_000)
    assert collected(archive, into, limits)[1] == ['a.zip: has more than 0.004 MB, the limit; give smaller ZIPs']


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bound_are_refused(method, tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'a.bmp': bomb()}, method)
    names, skipped = collected(archive, into)
    assert names == [] and 'which is not supported; make an ordinary ZIP' in skipped[0]


def test_memory_stays_small_while_a_bomb_is_unpacked(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'a.bmp': bomb()})
    tracemalloc.start()
    collected(archive, into, Limits(max_ratio=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BOMB_BYTES / 2


BAD_NAMES = [
    '../../evil.png',
    '/etc/evil.png',
    r'..\..\evil.png',
    r'C:\evil.png',
    'C:/evil.png',
    '//server/evil.png',
    'nul.png',
    'a/../../../evil.png',
    'x' * 300 + '.png',
    '\u4eba \U0001f600\'"<b>.png',
    'line\nbreak\x1b.png',
]


def test_no_name_leads_out_of_the_folder(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {name: picture(number) for number, name in enumerate(BAD_NAMES)})
    before = set(tmp_path.rglob('*'))
    names, skipped = collected(archive, into)
    assert len(names) == len(BAD_NAMES) and skipped == []
    assert all(len(name) <= LONGEST and '..' not in name.split('/') for name in names)
    assert all(path == into or path.parent == into for path in set(tmp_path.rglob('*')) - before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec='utf-8', exclude_characters='\0'), min_size=1, max_size=100))
def test_any_name_is_written_inside_and_shown_clean(name, tmp_path):
    result = collect([write_zip(tmp_path / 'a.zip', {name: picture()})], tmp_path / 'into')
    for file in result.files:
        assert file.path.parent == tmp_path / 'into' and file.path.is_file()
        assert 0 < len(file.name) <= LONGEST and not any(ord(one) < 32 for one in file.name)
    assert {path.name for path in tmp_path.iterdir()} == {'a.zip', 'into'}


def test_a_name_that_begins_with_a_zero_byte_does_no_harm(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'Xb.png': picture(), 'c.png': picture(1)})
    archive.write_bytes(archive.read_bytes().replace(b'Xb.png', b'\0b.png'))
    names, skipped = collected(archive, into)
    assert 'c.png' in names and len(names) + len(skipped) <= 2 and all(path.parent == into for path in into.iterdir())


def test_names_in_utf_8_are_read_even_without_their_flag(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'AA.png': picture(), 'B.png': picture(1)})
    archive.write_bytes(archive.read_bytes().replace(b'AA.png', 'é.png'.encode()).replace(b'B.png', b'\x81.png'))
    assert collected(archive, into)[0] == ['é.png', 'ü.png']


def test_files_of_operating_systems_and_hidden_ones_are_left_out_silently(tmp_path, into):
    system = ['__MACOSX/._a.png', '._a.png', '.DS_Store', 'in/Thumbs.db', 'desktop.ini', '.git/a.png', '@eaDir/a.png']
    members = [('in/', b''), *((name, picture(number)) for number, name in enumerate(system)), ('a.png', picture(99))]
    assert collected(write_zip(tmp_path / 'a.zip', members), into) == (['a.png'], [])


def test_a_system_file_by_itself_is_left_out_but_a_hidden_picture_taken(tmp_path, into):
    files = []
    for number, name in enumerate(('Thumbs.db', '._a.png', '.hidden.png')):
        (tmp_path / str(number)).write_bytes(picture(number))
        files.append(PhotoFile(tmp_path / str(number), name))
    result = collect(files, into)
    assert [file.name for file in result.files] == ['.hidden.png'] and result.skipped == []


def test_zips_links_pipes_and_encrypted_files_in_a_zip_are_named(tmp_path, into):
    inner = write_zip(tmp_path / 'inner.zip', {'deep.png': picture()}).read_bytes()
    members = [
        ('a.png', picture()),
        ('in/inner.zip', inner),
        ('inner.jpg', inner),
        (special('link.png', stat.S_IFLNK | 0o777), b'/etc/passwd'),
        (special('pipe.png', stat.S_IFIFO | 0o777), b'/etc/passwd'),
        ('b.png', picture(1)),
    ]
    archive = encrypt(write_zip(tmp_path / 'a.zip', members))
    assert collected(archive, into) == (
        ['b.png'],
        [
            'a.zip/a.png: is encrypted; make the ZIP without a password',
            'a.zip/in/inner.zip: is a ZIP inside a ZIP, which is not opened; unpack it first',
            'a.zip/inner.jpg: is a ZIP inside a ZIP, which is not opened; unpack it first',
            'a.zip/link.png: is a link, which is not followed; put the picture itself into the ZIP',
            'a.zip/pipe.png: is not an ordinary file; put the picture itself into the ZIP',
        ],
    )


@pytest.mark.filterwarnings('ignore:Duplicate name')
def test_entries_of_one_name_are_all_kept(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', [('a.png', picture(number)) for number in range(3)])
    assert collected(archive, into) == (['a.png', 'a (2).png', 'a (3).png'], [])


def test_a_zip_without_pictures_is_named(tmp_path, into):
    for members in ({}, {'in/': b'', '.DS_Store': b'x'}):
        names, skipped = collected(write_zip(tmp_path / 'a.zip', members), into)
        assert names == [] and skipped == ['a.zip: is a ZIP without pictures; put the pictures into it']


@pytest.mark.parametrize('part', [0.1, 0.9, 0.999])
def test_a_truncated_zip_is_named(part, tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {f'{number}.png': picture(number) for number in range(9)})
    archive.write_bytes(archive.read_bytes()[: int(part * archive.stat().st_size)])
    names, skipped = collected(archive, into)
    assert names == [] and len(skipped) == 1 and skipped[0].startswith('a.zip: is damaged or incomplete (')


def test_damaged_bytes_cost_one_file_and_leave_nothing(tmp_path, into):
    archive = write_zip(tmp_path / 'a.zip', {'a.png': picture() + bytes(200_000), 'b.png': picture(1)}, 0)
    data = bytearray(archive.read_bytes())
    data[150_000] ^= 255
    archive.write_bytes(data)
    names, skipped = collected(archive, into)
    assert names == ['b.png'] and skipped[0].startswith('a.zip/a.png: is damaged or incomplete (Bad CRC-32')


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), value=st.integers(0, 2**32 - 1))
def test_any_damage_gives_messages_and_no_error(position, value, tmp_path):
    archive = write_zip(tmp_path / 'a.zip', {f'{number}.png': picture(number) for number in range(3)})
    data = bytearray(archive.read_bytes())
    struct.pack_into('<I', data, position % (len(data) - 4), value)
    archive.write_bytes(data)
    result = collect([archive], tmp_path / 'into', replace(Limits(), max_total_bytes=10**6))
    assert len(result.files) <= 3 and len(result.files) == len(result.labels)


def test_an_interruption_leaves_nothing(tmp_path, into):
    def uploads():
        yield write_zip(tmp_path / 'a.zip', {'a.png': picture()})
        assert len(list(into.iterdir())) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(uploads(), into)
    assert list(into.iterdir()) == []
