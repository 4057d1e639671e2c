"""Where recoloured cloth meets the rest of the photo."""

import numpy as np
from PIL import Image, ImageFilter

SOFTNESS = 1 / 450  # of the photo's longer side: standard deviation of the edge
FINEST = 0.7  # pixels; the edge of a small photo
INNER, OUTER = 247, 8  # of 255 of the blurred mask: a pixel that shows the cloth alone, and one that shows none
SEEN = 6  # of 255; a neighbourhood with less tells no colour


def blend(photo: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The changed pixels under the mask, the photo elsewhere, and a soft edge of a pixel or two.

    Pixels at the edge show both, and would keep a rim of the old colour. So they are not used: cloth and surroundings
    are continued from either side of the edge, and mixed there.

    Args:
        photo, changed: (H, W, 3) uint8.
        mask: (H, W) bool, true somewhere.

    Returns:
        (H, W, 3) uint8. No pixel differs from the photo that is further than `reach(mask.shape)` from the mask.
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
    """Pixels outside a mask of shape (H, W) that `blend` may touch."""
    return int(np.ceil(4 * _softness(shape)))


def _softness(shape: tuple[int, int]) -> float:
    return max(FINEST, max(shape) * SOFTNESS)


def continue_colours(picture: Image.Image, known: np.ndarray, otherwise: Image.Image, radius: float) -> Image.Image:
    """The picture where known; near that its colours, spread; `otherwise` where nothing known is near."""
    mask = _image(known)
    layer = picture.copy()
    layer.putalpha(mask)
    # Premultiplied: so the blur averages the known pixels only.
    near = layer.convert('RGBa').filter(ImageFilter.BoxBlur(radius)).convert('RGBA')
    result = otherwise.copy()
    result.paste(near.convert('RGB'), mask=near.getchannel('A').point(lambda level: 255 * (level >= SEEN)))
    result.paste(picture, mask=mask)
    return result


def _image(mask: np.ndarray) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The box around the mask, with a margin."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + margin + 1))
    return tuple(spans)
