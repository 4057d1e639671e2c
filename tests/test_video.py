"""Videos of a gallery: one picture for each second, and everything that is wrong with them has a name."""

import random
import re

import av
import pytest

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.uploads import Limits, check_photo, collect
from ifd_zoo.uploads.video import MAX_SECONDS
from tests.clips import GREYS, write_clip
from tests.zips import write_zip

UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
QUARTER = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
"""To be turned clockwise, as phones that are held upright write it."""


def turned(path):
    """The video, to be shown turned by a quarter."""
    def packed(matrix):
        return b''.join(number.to_bytes(4, 'big', signed=True) for number in matrix)

    header, track, rest = path.read_bytes().partition(b'tkhd')
    assert packed(UPRIGHT) in rest[:80]
    path.write_bytes(header + track + rest.replace(packed(UPRIGHT), packed(QUARTER), 1))
    return path


def test_a_clip_is_one_picture_a_second_named_by_file_and_time(tmp_path):
    clip = write_clip(tmp_path / 'upload', 3.4)
    result = collect([PhotoFile(clip, 'yard.mp4')], tmp_path / 'in')
    assert [file.name for file in result.files] == [f'yard.mp4 0m0{second}s' for second in range(4)]
    assert result.labels == [None] * 4 and result.skipped == []
    pictures = [load_image(*file) for file in result.files]
    assert [picture.size for picture in pictures] == [(64, 96)] * 4
    greys = [picture.convert('L').getpixel((32, 48)) for picture in pictures]
    assert all(abs(grey - GREYS[second]) <= 2 for second, grey in enumerate(greys))
    assert sorted((tmp_path / 'in').iterdir()) == sorted(file.path for file in result.files)


def test_a_phone_held_upright_gives_upright_pictures(tmp_path):
    clip = turned(write_clip(tmp_path / 'phone.mp4', 1, (96, 64)))
    (file,) = collect([clip], tmp_path / 'in').files
    assert load_image(*file).size == (64, 96)


def test_what_follows_a_minute_is_left_out(tmp_path):
    long = write_clip(tmp_path / 'long.mp4', MAX_SECONDS + 2, rate=1)
    result = collect([long], tmp_path / 'in')
    seconds = [file.name.rpartition('m')[2] for file in result.files]
    assert len(result.files) == MAX_SECONDS and seconds[-1] == '59s'
    assert result.skipped == ['long.mp4: is used for 60 seconds only: a video may last at most a minute; cut it']


def test_a_video_of_more_pixels_than_a_minute_has_is_not_decoded_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr('ifd_zoo.uploads.video.MAX_DECODED', 7 * 64 * 96)  # of 15 pictures
    result = collect([write_clip(tmp_path / 'a.mp4', 3)], tmp_path / 'in')
    assert [file.name for file in result.files] == ['a.mp4 0m00s', 'a.mp4 0m01s']
    assert 'is used for 2 seconds only' in result.skipped[0]


@pytest.mark.parametrize('content', [
    lambda clip: b'\0\0\0\x18ftypisom' + bytes(99),
    lambda clip: clip[: len(clip) // 2],
    lambda clip: clip.replace(b'moov', b'xxxx'),
])
def test_a_damaged_clip_is_named_and_leaves_nothing(content, tmp_path):
    path = write_clip(tmp_path / 'a.mp4', 2)
    path.write_bytes(content(path.read_bytes()))
    result = collect([path], tmp_path / 'in')
    assert result.files == [] and len(result.skipped) == 1
    assert result.skipped[0].startswith('a.mp4: is a ') and 'video' in result.skipped[0]
    assert list((tmp_path / 'in').iterdir()) == []


def test_any_change_of_bytes_leaves_pictures_or_a_reason(tmp_path):
    content, rng = write_clip(tmp_path / 'good.mp4', 2).read_bytes(), random.Random(0)
    for number in range(150):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 4, 30])):
            changed[rng.randrange(12, len(changed))] = rng.randrange(256)
        path = tmp_path / f'{number}.mp4'
        path.write_bytes(changed)
        result = collect([path], tmp_path / 'in')
        assert result.files or result.skipped
        assert all(re.match(rf'{number}\.mp4( \dm\d\ds)?: ', line) for line in result.skipped)


def test_a_list_of_addresses_is_not_followed(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'\0\0\0\x18ftypisom' + bytes(12) + b'\n#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n')
    (said,) = collect([path], tmp_path / 'in').skipped
    assert said.startswith('a.mp4: is a ') and 'video' in said


def test_pictures_that_are_too_large_or_too_many_are_refused(tmp_path):
    clip = write_clip(tmp_path / 'a.mp4', 3)
    result = collect([clip], tmp_path / 'in', Limits(max_pixels=64 * 96 - 1))
    assert result.files == [] and 'has pictures of 64 x 96 pixels' in result.skipped[0]
    result = collect([clip], tmp_path / 'in', Limits(max_files=2))
    assert len(result.files) == 2 and 'at most 2 pictures' in result.skipped[0]
    assert len(list((tmp_path / 'in').iterdir())) == 2


def test_a_sound_without_pictures_is_refused(tmp_path):
    with av.open(str(tmp_path / 'sound.mp4'), 'w', format='mov') as container:
        stream = container.add_stream('pcm_s16le', rate=16000)
        frame = av.AudioFrame(format='s16', layout='mono', samples=1024)
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    result = collect([tmp_path / 'sound.mp4'], tmp_path / 'in')
    assert 'is a video without pictures' in result.skipped[0]


def test_a_clip_is_no_query_and_is_not_looked_for_in_a_zip(tmp_path):
    clip = write_clip(tmp_path / 'a.mp4', 1)
    with pytest.raises(ImageError, match='a.mp4: is a video; add it to the gallery'):
        check_photo(PhotoFile(clip, 'a.mp4'))
    result = collect([write_zip(tmp_path / 'all.zip', {'a.mp4': clip.read_bytes()})], tmp_path / 'in')
    assert 'all.zip/a.mp4: is a video; add it to the gallery on its own' in result.skipped[0]
