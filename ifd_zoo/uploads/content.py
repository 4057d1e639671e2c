"""Checks of image files that need no decoding."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ifd_zoo.common.files import hash_file
from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.formats import HEAD_BYTES
from ifd_zoo.images.loading import MIN_SIDE, ImageError, open_image
from ifd_zoo.uploads.limits import Limits, megabytes


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn errors of reading a file into an ImageError with its name."""
    try:
        yield
    except OSError as error:
        reason = f'cannot be read ({error.strerror or error}); check its permissions, or copy it again'
        raise ImageError(name, reason) from error


def read_head(path: Path, name: str) -> bytes:
    """Return the first bytes of an ordinary file; raises ImageError if it is not one or cannot be read."""
    with reading(name):
        if path.is_dir():
            raise ImageError(name, 'is a folder, not a picture; give the files in it')
        if not path.exists():
            raise ImageError(name, 'no such file; it may have been moved or deleted')
        if not path.is_file():  # opening a pipe would block forever
            raise ImageError(name, 'is not an ordinary file; copy the picture itself')
        with path.open('rb') as file:
            return file.read(HEAD_BYTES)


def check_bytes(path: Path, name: str, limits: Limits) -> int:
    """Return the size of a file in bytes; raises ImageError if it exceeds the limit for an image."""
    with reading(name):
        size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise ImageError(name, too_many_bytes(limits))
    return size


def too_many_bytes(limits: Limits) -> str:
    return f'has more than {megabytes(limits.max_file_bytes)}, the limit for one picture; make it smaller'


def check_picture(path: Path, name: str, limits: Limits) -> None:
    """Check the header of an image, without decoding it.

    Raises:
        ImageError: there is no such header, or the size or aspect ratio is not accepted.
    """
    with open_image(path, name) as picture:
        width, height = picture.size
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
    """Finds files with equal content. Only files of equal size are read."""

    def __init__(self) -> None:
        self._only: dict[int, PhotoFile | None] = {}  # by size; None from the second file on
        self._by_digest: dict[str, PhotoFile] = {}

    def first(self, file: PhotoFile) -> PhotoFile:
        """Return the first file that was given with this content, which may be `file` itself."""
        size = Path(file.path).stat().st_size
        if size not in self._only:
            self._only[size] = file
            return file
        only, self._only[size] = self._only[size], None
        if only:
            self._by_digest[hash_file(Path(only.path))] = only
        return self._by_digest.setdefault(hash_file(Path(file.path)), file)
