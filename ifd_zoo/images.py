"""Pictures in: whatever a user hands over becomes an upright 8-bit RGB image, or a message that says what is wrong."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ifd_zoo.errors import ZooError

FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM')
"""What is decoded. A list, since Pillow would otherwise start Ghostscript for an uploaded EPS file."""

MIN_SIDE = 8
"""Pixels. A smaller picture shows no person."""

MAX_SIDE = 2048
"""Pixels. Longer pictures are shrunk, which bounds the memory of everything behind; the networks see far fewer."""

MAX_PIXELS = 80_000_000
"""Pixels of a file before decoding: at 4 bytes each, what one upload may cost in memory. Below Pillow's own limit."""

BACKGROUND = 'white'
"""Behind transparent pixels, as image viewers show them."""


class ImageError(ZooError, ValueError):
    """A picture that cannot be used.

    Attributes:
        name: of the picture, without folders.
        reason: what is wrong with it and what to do.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f'{name}: {reason}')
        self.name, self.reason = name, reason


def load_image(
    source: Image.Image | np.ndarray | str | Path,
    name: str | None = None,
    max_side: int = MAX_SIDE,
) -> Image.Image:
    """An upright RGB image.

    EXIF rotation is applied, transparent pixels become white, 16 bits are scaled to 8, and of an animation the first
    frame is taken.

    Args:
        source: PIL image of any mode, path, or array (H, W), (H, W, 3) or (H, W, 4) of type uint8, uint16, bool or
            float in [0, 1].
        name: used in messages; by default the file's name.
        max_side: longest side of the result in pixels; longer images are shrunk.

    Raises:
        ImageError: nothing usable is there: no such file, empty, damaged, not a picture, too small, too large ...
    """
    if isinstance(source, (str, Path)):
        name = name or Path(source).name or str(source)
        return _guard(_from_file, Path(source), name, max_side)
    name = name or 'image'
    if isinstance(source, np.ndarray):
        source = _from_array(source, name)
    if not isinstance(source, Image.Image):
        raise ImageError(name, f'is a {type(source).__name__}; give a path, a PIL image or a numpy array')
    _check_size(source, name)
    return _guard(_to_rgb, source, name, max_side)


def _guard(read, source: Image.Image | Path, name: str, max_side: int) -> Image.Image:
    try:
        return read(source, name, max_side)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(name, _too_large()) from error
    except MemoryError as error:
        raise ImageError(name, 'does not fit into memory; make it smaller') from error
    # Pillow's decoders raise whatever damaged bytes lead them to: OSError, SyntaxError, IndexError, struct.error ...
    except Exception as error:
        reason = f'is damaged or incomplete ({error}); save or copy it again'
        raise ImageError(name, reason) from error


def _from_file(path: Path, name: str, max_side: int) -> Image.Image:
    if path.is_dir():
        raise ImageError(name, 'is a folder, not a picture; give the files in it')
    if not path.is_file():
        raise ImageError(name, 'no such file; it may have been moved or deleted')
    if path.stat().st_size == 0:
        raise ImageError(name, 'is empty (0 bytes); copy it again')
    try:
        opened = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(name, _why_unknown(path)) from error
    with opened as image:
        _check_size(image, name)
        # A JPEG decoder can leave out detail while it decodes: a 60-megapixel photo costs a quarter of the memory.
        image.draft(None, _fit(image.size, max_side))
        return _to_rgb(image, name, max_side)


def _why_unknown(path: Path) -> str:
    with path.open('rb') as file:
        head = file.read(12)
    if head[4:8] == b'ftyp':
        return 'is a HEIC or AVIF photo, which is not supported; save it as JPEG or PNG'
    return 'is not a picture; supported are JPEG, PNG, WebP, GIF, BMP and TIFF'


def _check_size(image: Image.Image, name: str) -> None:
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
    return image.convert('RGB') if image.mode != 'RGB' else image.copy()


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # here, so that an error in the pixels is not taken for one in the EXIF data
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data raises many things, and says nothing about rotation
        return image


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """The image in a mode that can be resized, with 8 bits per channel."""
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
        array = array.astype(np.uint16)  # Pillow's mode I, which holds 16 bits
    if array.dtype.kind == 'u' and array.dtype.itemsize == 2:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == 'f' and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        return np.round(array * 255).astype(np.uint8)
    raise ImageError(name, f'has {array.dtype} values outside the range of uint8, uint16, bool or float in [0, 1]')
