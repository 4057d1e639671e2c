"""Files that make Pillow walk through millions of pieces are refused after a bounded number of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.images.bounded_reader import HEADER_READS, PIXEL_READS, BoundedReader
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.uploads import collect

MANY = 400_000
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def encode(form, image=None, **options):
    buffer = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind, data=b''):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(before=b'', after=b'', pixels=None):
    pixels = pixels or chunk(b'IDAT', zlib.compress(bytes(65 * 64)))
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 64, 64, 8, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + before + pixels + after + chunk(b'IEND')


def gif(extension):
    data = encode('GIF', Image.new('L', (64, 64)))
    header = 13 + (3 * (2 << (data[10] & 7)) if data[10] & 128 else 0)
    return data[:header] + extension + data[header:]


def jpeg(segments):
    data = encode('JPEG')
    return data[:2] + segments + data[2:]


def bmp_of_runs():
    sizes = (54 + 1024 + 2 * MANY, 0, 0, 54 + 1024, 40, 1000, 2000, 1, 8, 1, 2 * MANY, 0, 0, 256, 0)
    return b'BM' + struct.pack('<IHHIIiiHHIIiiII', *sizes) + bytes(1024) + b'\1\5' * MANY


def tiff(entries, data=b''):
    """64 x 64 grey pixels with more tags."""
    tags = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1), *entries]
    table = struct.pack('<H', len(tags)) + b''.join(struct.pack('<HHII', *tag) for tag in tags) + bytes(4)
    return b'II*\0' + struct.pack('<I', 8 + len(data)) + data + table


def long_exif():
    exif = Image.Exif()
    exif[0x927C] = bytes(70_000)
    return exif


SLOW = {
    'chunks.png': lambda: png(before=chunk(b'abCd') * MANY),
    'chunks after the pixels.png': lambda: png(after=chunk(b'abCd') * MANY),
    'empty pixels.png': lambda: png(before=chunk(b'IDAT') * MANY),
    'plain.pgm': lambda: b'P2 400 500 255\n' + b'7 ' * 200_000,
    'comments.pgm': lambda: b'P2 64 64 255\n' + b'#\n' * 200_000 + b'7 ' * 4096,
    'white space.pgm': lambda: b'P5 ' + b' ' * MANY + b'64 64 255\n' + bytes(4096),
    'depth.pgm': lambda: b'P5 1000 1000 254\n' + bytes(1_000_000),
    'markers.jpg': lambda: jpeg(b'\xff\xe5\0\2' * MANY),
    'filling.jpg': lambda: jpeg(b'\xff' * MANY),
    'metadata.jpg': lambda: jpeg((b'\xff\xe1' + struct.pack('>H', 100) + b'Exif\0\0' + bytes(92)) * 10_000),
    'extensions.gif': lambda: gif(b'\x21\xfe\0' * MANY),
    'comment.gif': lambda: gif(b'\x21\xfe' + (b'\xff' + b'a' * 255) * 10_000 + b'\0'),
    'runs.bmp': bmp_of_runs,
    'tags.tif': lambda: tiff([(300 + i, 7, 100_000, 8) for i in range(3_000)], bytes(100_000)),
    'strips.tif': lambda: tiff([(273, 4, 600_000, 8), (278, 3, 1, 1), (279, 4, 600_000, 8)], bytes(2_400_000)),
    'exif.png': lambda: encode('PNG', exif=long_exif()),
    'exif.webp': lambda: encode('WEBP', exif=long_exif()),
    'exif.avif': lambda: encode('AVIF', exif=long_exif()),
}


@pytest.mark.parametrize('name', SLOW)
def test_a_picture_of_many_pieces_is_refused(name, tmp_path, monkeypatch):
    steps = []
    read = BoundedReader.read
    monkeypatch.setattr(BoundedReader, 'read', lambda self, size=-1: steps.append(size) or read(self, size))
    (tmp_path / name).write_bytes(SLOW[name]())
    with pytest.raises(ImageError, match=f'^{name}: is made of more pieces than a photo, and would take long to read'):
        load_image(tmp_path / name)
    assert 0 < len(steps) <= 2 * (HEADER_READS + PIXEL_READS)


def test_an_upload_of_many_pieces_is_refused_by_its_header(tmp_path):
    (tmp_path / 'a.png').write_bytes(SLOW['chunks.png']())
    taken = collect([tmp_path / 'a.png'], tmp_path / 'taken')
    assert not taken.files and 'a.png: is made of more pieces than a photo' in taken.skipped[0]


def usual():
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1000, 3), dtype=np.uint8)
    packed = zlib.compress(b''.join(b'\0' + row.tobytes() for row in noise), 1)
    parts = b''.join(chunk(b'IDAT', packed[at : at + 4096]) for at in range(0, len(packed), 4096))
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 1000, 1500, 8, 2, 0, 0, 0))
    yield 'parts.png', b'\x89PNG\r\n\x1a\n' + header + parts + chunk(b'IEND'), noise
    yield 'plain.ppm', b'P3 64 64 255\n' + b' '.join(b'%d' % value for value in PIXELS.ravel()), PIXELS
    yield 'depth.ppm', b'P6 64 64 254\n' + np.minimum(PIXELS, 254).tobytes(), PIXELS
    yield 'strips.tif', encode('TIFF', Image.fromarray(noise), tiffinfo={278: 1}), noise
    yield 'profile.jpg', encode('JPEG', quality=100, subsampling=0, icc_profile=bytes(1_000_000)), PIXELS
    yield 'frames.gif', encode('GIF', save_all=True, append_images=[Image.new('RGB', (64, 64))] * 50), PIXELS


@pytest.mark.parametrize(('name', 'data', 'pixels'), [pytest.param(*one, id=one[0]) for one in usual()])
def test_large_and_unusual_pictures_are_still_read(name, data, pixels, tmp_path):
    (tmp_path / name).write_bytes(data)
    loaded = np.asarray(load_image(tmp_path / name)).astype(int)
    assert loaded.shape == pixels.shape and np.abs(loaded - pixels).mean() < (30 if name == 'frames.gif' else 3)
