"""Blending recoloured cloth into the photo."""

import numpy as np
from PIL import Image, ImageFilter

SOFTNESS = 1 / 450  # standard deviation of the edge, relative to the photo's longer side
FINEST = 0.7  # pixels; for small photos
INNER, OUTER = 247, 8  # of 255 in the blurred mask: from the first up a pixel is cloth only, up to the second none
SEEN = 6  # of 255; a neighbourhood with a lower share of known pixels gives no colour


def blend(photo: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the changed pixels under the mask and the photo elsewhere, with a soft edge of a pixel or two.

    Pixels at the edge mix both and would keep a rim of the old colour. So they are not used: the colours of the cloth
    and of its surroundings are extended from either side across the edge, and mixed there.

    Args:
        photo, changed: (H, W, 3) uint8.
        mask: (H, W) bool, True for at least one pixel.

    Returns:
        (H, W, 3) uint8; pixels further than `reach(mask.shape)` from the mask are those of the photo.
    """
    window = _window(mask, reach(mask.shape))
    softness = _softness(mask.shape)
    inside = mask[window]
    share = _image(inside).filter(ImageFilter.GaussianBlur(softness))
    share = share.point(lambda level: 255 if level >= INNER else 0 if level <= OUTER else level)
    whole, none = (np.asarray(share) == level for level in (255, 0))
    old, new = (Image.fromarray(np.ascontiguousarray(pixels[window])) for pixels in (photo, changed))
    cloth = continue_colours(new, whole & inside, Image.composite(new, old, _image(inside)), 2 * softness)
    rest = continue_colours(old, none & ~inside, old, 2 * softness)
    result = photo.copy()
    result[window] = Image.composite(cloth, rest, share)
    return result


def reach(shape: tuple[int, int]) -> int:
    """Return how many pixels beyond a mask of shape (H, W) `blend` may change."""
    return int(np.ceil(4 * _softness(shape)))


def _softness(shape: tuple[int, int]) -> float:
    return max(FINEST, max(shape) * SOFTNESS)


def continue_colours(picture: Image.Image, known: np.ndarray, otherwise: Image.Image, radius: float) -> Image.Image:
    """Return `picture` where it is known, its colours spread nearby, and `otherwise` where nothing known is near."""
    mask = _image(known)
    layer = picture.copy()
    layer.putalpha(mask)
    # Premultiplied, so that the blur averages only known pixels.
    near = layer.convert('RGBa').filter(ImageFilter.BoxBlur(radius)).convert('RGBA')
    result = otherwise.copy()
    result.paste(near.convert('RGB'), mask=near.getchannel('A').point(lambda level: 255 * (level >= SEEN)))
    result.paste(picture, mask=mask)
    return result


def _image(mask: np.ndarray) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Return the bounding box of the mask, with a margin."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + margin + 1))
    return tuple(spans)
