"""What a file is, by its first bytes and never by its name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images import FORMATS, MIN_SIDE, ImageError
from ifd_zoo.intake.limits import Limits, megabytes

HEAD_BYTES = 1024
PICTURES = (
    (b'\xff\xd8\xff', '.jpg'),
    (b'\x89PNG\r\n\x1a\n', '.png'),
    (b'GIF8', '.gif'),
    (b'BM', '.bmp'),
    *((start, '.tif') for start in (b'II*\0', b'MM\0*', b'II\0*', b'MM*\0', b'II+\0', b'MM\0+')),
    *((b'P' + bytes([kind]), '.ppm') for kind in b'0123456fFy'),
)
ZIP = (b'PK\3\4', b'PK\5\6', b'PK\7\x08')
ARCHIVES = {
    b'Rar!\x1a\7': 'RAR',
    b'7z\xbc\xaf\x27\x1c': '7-Zip',
    b'\x1f\x8b': 'gzip',
    b'BZh': 'bzip2',
    b'\xfd7zXZ': 'xz',
}
STILLS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1', b'avif', b'avis')
PICTURE_SUFFIXES = set('.jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .ppm .pgm .pbm .pnm'.split())
OTHER_SUFFIXES = set('.heic .heif .avif .svg .svgz .zip .rar .7z .eps .psd .jp2 .jxl .raw .dng .cr2 .nef .arw'.split())


def is_zip(head: bytes) -> bool:
    return head.startswith(ZIP)


def picture_suffix(head: bytes) -> str | None:
    """`.jpg`, `.png` ... when a file that begins so may be a picture that is decoded here."""
    if head.startswith(b'RIFF') and head[8:12] == b'WEBP':
        return '.webp'
    return next((suffix for start, suffix in PICTURES if head.startswith(start)), None)


def fault_of(head: bytes, name: str) -> str | None:
    """What is wrong with a file that begins so and what to do; None when it may be a picture."""
    if picture_suffix(head):
        return None
    if not head:
        return 'is empty (0 bytes); copy it again'
    if head[4:8] == b'ftyp':
        if head[8:12] in STILLS:
            return 'is a HEIC or AVIF photo, which is not supported; save it as JPEG or PNG'
        return 'is a video, which is not supported; save a frame of it as JPEG or PNG'
    if b'<svg' in head[:HEAD_BYTES]:
        return 'is an SVG drawing, which is not supported; export it as PNG or JPEG'
    if head.startswith(b'%PDF'):
        return 'is a PDF document, which is not supported; save its pictures as JPEG or PNG'
    archive = 'tar' if head[257:262] == b'ustar' else _archive(head)
    if archive:
        return f'is a {archive} archive, which is not opened; put its pictures into a ZIP'
    if name.lower().endswith('.zip'):
        return 'is not a ZIP, whatever its name says; make it again'
    return 'is not a picture; supported are JPEG, PNG, WebP, GIF, BMP and TIFF'


def _archive(head: bytes) -> str | None:
    return next((kind for start, kind in ARCHIVES.items() if head.startswith(start)), None)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns the errors of reading a file into an ImageError that has its name."""
    try:
        yield
    except OSError as error:
        reason = f'cannot be read ({error.strerror or error}); check its permissions, or copy it again'
        raise ImageError(name, reason) from error


def read_head(path: Path, name: str) -> bytes:
    """The first bytes of an ordinary file; ImageError when it is none or cannot be read."""
    with reading(name):
        if path.is_dir():
            raise ImageError(name, 'is a folder, not a picture; give the files in it')
        if not path.exists():
            raise ImageError(name, 'no such file; it may have been moved or deleted')
        if not path.is_file():  # to open a pipe would wait for ever
            raise ImageError(name, 'is not an ordinary file; copy the picture itself')
        with path.open('rb') as file:
            return file.read(HEAD_BYTES)


def check_bytes(path: Path, name: str, limits: Limits) -> int:
    """The size of a file in bytes; ImageError when that is more than of a picture."""
    with reading(name):
        size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise ImageError(name, too_many_bytes(limits))
    return size


def too_many_bytes(limits: Limits) -> str:
    return f'has more than {megabytes(limits.max_file_bytes)}, the limit for one picture; make it smaller'


def check_picture(path: Path, name: str, limits: Limits) -> None:
    """Look at the header of a picture, without decoding it.

    Raises:
        ImageError: there is no such header, or it tells of too many or too few pixels.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(name, _too_many_pixels(limits)) from error
    except UnidentifiedImageError as error:
        raise ImageError(name, 'is damaged, or not a picture; save or copy it again') from error
    # Pillow's decoders raise whatever damaged bytes lead them to: OSError, SyntaxError, IndexError, struct.error ...
    except Exception as error:
        raise ImageError(name, f'is damaged or incomplete ({error}); save or copy it again') from error
    if width * height > limits.max_pixels:
        raise ImageError(name, _too_many_pixels(limits))
    if min(width, height) < MIN_SIDE:
        raise ImageError(name, f'is {width} x {height} pixels; at least {MIN_SIDE} on each side are needed')
    if max(width, height) > limits.max_aspect * min(width, height):
        longest = f'at most {limits.max_aspect} times as long as wide'
        raise ImageError(name, f'is {width} x {height} pixels; a picture is {longest}, so cut the person out')


def _too_many_pixels(limits: Limits) -> str:
    return f'has more than {limits.max_pixels / 1e6:,.10g} megapixels; make it smaller'


class Contents:
    """Finds files of equal content. Only those of equal size are read."""

    def __init__(self) -> None:
        self._only: dict[int, PhotoFile | None] = {}  # by size, until there is a second one
        self._by_digest: dict[bytes, PhotoFile] = {}

    def first(self, file: PhotoFile) -> PhotoFile:
        """The first file that was given with this content, which may be `file` itself."""
        size = Path(file.path).stat().st_size
        if size not in self._only:
            self._only[size] = file
            return file
        only, self._only[size] = self._only[size], None
        if only:
            self._by_digest[_digest(only.path)] = only
        return self._by_digest.setdefault(_digest(file.path), file)


def _digest(path: str | Path) -> bytes:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').digest()
