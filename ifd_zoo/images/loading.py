"""Image loading: any input becomes an upright 8-bit RGB image, or an error that says what is wrong."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ifd_zoo.common.errors import ZooError
from ifd_zoo.images.bounded_reader import BoundedReader, TooManySteps
from ifd_zoo.images.formats import FORMATS, HEAD_BYTES, describe_fault, picture_suffix

MIN_SIDE = 8
"""Minimum side in pixels. A smaller image shows no person."""

MAX_SIDE = 2048
"""Maximum side in pixels. Larger images are shrunk, which bounds the memory of later steps; networks need far fewer."""

MAX_PIXELS = 80_000_000
"""Maximum pixels of a file; at 4 bytes each, this bounds the memory of one upload. Below Pillow's own limit."""

MAX_EXIF_BYTES = 2**16
"""Maximum EXIF size, which is that of JPEG. Each entry may claim all of the bytes, and Pillow copies them for each."""

MAX_PLAIN_BYTES = 250_000
"""Maximum size of a PPM file in decimal digits, which are read one by one."""

BACKGROUND = 'white'
"""Colour behind transparent pixels, as in image viewers."""

URL = re.compile('[a-z][a-z0-9+.-]+:/|data:', re.IGNORECASE)  # one slash, as Path merges two


class ImageError(ZooError, ValueError):
    """An image that cannot be used.

    Attributes:
        name: file name of the image, without folders.
        reason: what is wrong with it and what to do.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f'{name}: {reason}')
        self.name, self.reason = name, reason

    def __reduce__(self) -> tuple:
        return type(self), (self.name, self.reason)


def load_image(
    source: Image.Image | np.ndarray | str | Path,
    name: str | None = None,
    max_side: int = MAX_SIDE,
) -> Image.Image:
    """Load an upright RGB image.

    EXIF rotation is applied, transparent pixels become white, 16 bits are scaled to 8, and the first frame of an
    animation is used.

    Args:
        source: PIL image of any mode, path, or array (H, W), (H, W, 3) or (H, W, 4) of type uint8, uint16, bool or
            float in [0, 1].
        name: used in error messages; the file's name by default.
        max_side: maximum side of the result in pixels; larger images are shrunk.

    Raises:
        ImageError: the source cannot be used: no such file, empty, damaged, not an image, too small, too large ...
    """
    if isinstance(source, (str, Path)):
        path, name = Path(source), name or Path(source).name or str(source)
        with open_image(path, name) as image:
            check_size(image, name)
            # JPEG can be decoded at a reduced size: a 60-megapixel photo then takes a quarter of the memory.
            image.draft(None, _fit(image.size, max_side))
            return _to_rgb(image, name, max_side)
    name = name or 'image'
    if isinstance(source, np.ndarray):
        source = _from_array(source, name)
    if not isinstance(source, Image.Image):
        raise ImageError(name, f'is a {type(source).__name__}; give a path, a PIL image or a numpy array')
    check_size(source, name)
    with _faults(name):
        return _to_rgb(source, name, max_side)


@contextmanager
def open_image(path: Path, name: str) -> Iterator[Image.Image]:
    """Open an image and read its header, but not its pixels.

    Args:
        name: used in error messages.

    Raises:
        ImageError: the file cannot be used. Errors in the body of the `with` statement are also raised as ImageError.
    """
    with _faults(name):
        if URL.match(str(path)) and not os.path.exists(path):
            raise ImageError(name, 'is a URL, and URLs are not fetched; save the picture and give its path')
        if path.is_dir():
            raise ImageError(name, 'is a folder, not a picture; give the files in it')
        if not path.is_file():
            raise ImageError(name, 'no such file; it may have been moved or deleted')
        with BoundedReader(path) as file:
            head = file.peek(HEAD_BYTES)[:HEAD_BYTES]
            if fault := describe_fault(head, name):
                raise ImageError(name, fault)
            if picture_suffix(head) == '.avif':
                _check_avif(file)
            with Image.open(file, formats=tuple(FORMATS)) as image:
                if file.size > MAX_PLAIN_BYTES and image.tile and image.tile[0].codec_name == 'ppm_plain':
                    raise TooManySteps
                file.allow_pixels()
                yield image


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(name, _too_large()) from error
    except MemoryError as error:
        raise ImageError(name, 'does not fit into memory; make it smaller') from error
    except TooManySteps as error:
        reason = 'is made of more pieces than a photo, and would take long to read; save it again as JPEG or PNG'
        raise ImageError(name, reason) from error
    except UnidentifiedImageError as error:
        raise ImageError(name, 'is damaged, or not a picture; save or copy it again') from error
    # Damaged bytes can make Pillow's decoders raise anything: OSError, SyntaxError, IndexError, struct.error ...
    except Exception as error:
        reason = f'is damaged or incomplete ({error}); save or copy it again'
        if isinstance(error, OSError) and error.errno:  # from the system: Pillow's own errors have no number
            reason = f'cannot be read ({error.strerror}); check its permissions, or copy it again'
        raise ImageError(name, reason) from error


def check_size(image: Image.Image, name: str) -> None:
    """Raise ImageError if the image has too many or too few pixels to be decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(name, _too_large())
    if min(width, height) < MIN_SIDE:
        raise ImageError(name, f'is {width} x {height} pixels; at least {MIN_SIDE} on each side are needed')


def _too_large() -> str:
    return f'has more than {MAX_PIXELS // 1_000_000} megapixels; make it smaller'


def _fit(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _to_rgb(image: Image.Image, name: str, max_side: int) -> Image.Image:
    image = _eight_bits(_upright(image), name)
    size = _fit(image.size, max_side)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if image.has_transparency_data:
        layer = image.convert('RGBA')
        image = Image.new('RGB', image.size, BACKGROUND)
        image.paste(layer, mask=layer.getchannel('A'))
    return image if image.mode == 'RGB' else image.convert('RGB')


def _upright(image: Image.Image) -> Image.Image:
    """Return a new image, rotated as the EXIF data says."""
    image.load()  # first, so that an error in the pixels is not taken for one in the EXIF data
    _check_exif(image.info.get('exif') or image.info.get('Raw profile type exif') or b'')
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data can raise anything, and gives no rotation
        return image.copy()


def _check_exif(data: bytes | str) -> None:
    if len(data) > MAX_EXIF_BYTES:
        raise TooManySteps


def _check_avif(file: BoundedReader) -> None:
    """Apply `_check_exif` before Pillow opens an AVIF file, as opening one already parses the EXIF data."""
    from PIL import _avif  # not in every build of Pillow

    exif = _avif.AvifDecoder(file.read(), 'auto', 1).get_info()[4]
    _check_exif(exif or b'')
    file.seek(0)


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Convert the image to a mode that can be resized, with 8 bits per channel."""
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        return Image.fromarray(_to_uint8(np.asarray(image), name))
    if image.mode == '1':
        return image.convert('L')
    if image.has_transparency_data:  # also a palette, or one transparent colour in a PNG
        return image.convert('RGBA')
    return image if image.mode in ('L', 'RGB', 'CMYK') else image.convert('RGB')


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ImageError(name, f'has shape {array.shape}; give (H, W), (H, W, 3) or (H, W, 4)')
    return Image.fromarray(_to_uint8(array, name))


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype == np.int32 and array.size and array.min() >= 0 and array.max() < 1 << 16:
        array = array.astype(np.uint16)  # Pillow's mode I, used for 16-bit images
    if array.dtype.kind == 'u' and array.dtype.itemsize == 2:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == 'f' and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.round(array * 255).astype(np.uint8)
    raise ImageError(name, f'has {array.dtype} values outside the range of uint8, uint16, bool or float in [0, 1]')


def shrink_like(label_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink the label map of an image that `load_image` may have shrunk.

    Args:
        label_map: (H, W) uint8.
        size: (width, height) of the loaded image.

    Returns:
        (height, width) uint8. A map with another aspect ratio is returned unchanged, so that its size can be reported.
    """
    (height, width), (new_width, new_height) = label_map.shape, size
    alike = abs(height * new_width - width * new_height) <= max(height, width)  # sides of the image were rounded
    if max(height, width) <= MAX_SIDE or not alike:
        return label_map
    return np.asarray(Image.fromarray(label_map).resize(size, Image.Resampling.NEAREST))
