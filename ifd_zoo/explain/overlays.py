"""What the network sees, as pictures: attention W_I, clothing mask, label map and Grad-CAM drawn over the photo."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ifd_zoo.images.sheets import in_rows, sheet
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.masks import class_mask

CLOTHING_COLOUR = (20, 200, 255)

DRAWN_SIDE = 384
"""Pixels of the longer side of a `PhotoView`: enough for a page, and little enough to keep many."""

VIEWS = ('side by side', 'photo', 'attention', 'clothing', 'clothes erased', 'Grad-CAM')
"""What `draw` can show of a photo."""

OPAQUE = 128  # alpha from which on a pixel of a painted layer counts


class PhotoView(NamedTuple):
    """What a model and the parser make of one photo, all at one size (H, W)."""

    photo: Image.Image
    attention: np.ndarray | None
    """W_I, (H, W) in [0, 1]; None for a model without attention stream."""
    label_map: np.ndarray
    """(H, W) uint8 in `LABELS`."""


def colour_map(values: np.ndarray) -> np.ndarray:
    """Colours of values, of the perceptual colour map `inferno`.

    Args:
        values: (H, W) in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    from matplotlib import colormaps  # late: who draws nothing need not wait for it

    return colormaps['inferno'](np.clip(values, 0, 1), bytes=True)[..., :3]


def colour_bar(width: int = 256, height: int = 12) -> Image.Image:
    """The colours of `colour_map`, from 0 at the left to 1 at the right."""
    return Image.fromarray(colour_map(np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))))


def label_key(columns: int = 3, width: int = 112, height: int = 28) -> Image.Image:
    """The classes of `LABELS`, each written on its colour of `PALETTE`, row by row.

    Args:
        width, height: of one of them, in pixels.
    """
    tiles = []
    for name, colour in zip(LABELS, PALETTE, strict=True):
        tiles.append(tile := Image.new('RGBA', (width, height)))
        pen, font = ImageDraw.Draw(tile), ImageFont.load_default(height // 2)
        pen.rounded_rectangle((1, 1, width - 3, height - 3), 5, colour, (128, 128, 128))
        bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
        pen.text((width // 2 - 1, height // 2 - 1), name, 'black' if bright else 'white', font, anchor='mm')
    return sheet(in_rows(tiles, columns), background=None)


def attention_overlay(
    image: Image.Image,
    attention: np.ndarray,
    opacity: float = 0.5,
    stretch: bool = False,
) -> Image.Image:
    """The attention W_I over the photo, from black (ignored) over red to yellow (attended).

    Args:
        image: RGB.
        attention: (H, W) in [0, 1], of the image's size.
        opacity: of the colours, in [0, 1].
        stretch: lowest and highest attention of this image become 0 and 1: shows where, no longer how much.

    Raises:
        ValueError: the attention has another size than the image.
    """
    _check_shape(image, attention)
    if stretch:
        low, high = float(attention.min()), float(attention.max())
        attention = (attention - low) / max(high - low, 1e-6)
    # On grey, so that the photo's own colours are not mistaken for attention.
    return Image.blend(image.convert('L').convert('RGB'), Image.fromarray(colour_map(attention)), opacity)


def mask_overlay(
    image: Image.Image,
    mask: np.ndarray,
    colour: tuple[int, int, int] = CLOTHING_COLOUR,
    opacity: float = 0.5,
) -> Image.Image:
    """The photo with the mask tinted and outlined.

    Args:
        image: RGB.
        mask: (H, W) bool, of the image's size.
        colour: RGB.
        opacity: of the tint, in [0, 1].

    Raises:
        ValueError: the mask has another size than the image.
    """
    _check_shape(image, mask)
    area = Image.fromarray(mask.astype(np.uint8) * 255)
    width = max(1, round(max(image.size) / 250))
    inside = area.filter(ImageFilter.MinFilter(2 * width + 1))
    strength = np.where(np.asarray(area) != np.asarray(inside), 255, np.asarray(area) * opacity).astype(np.uint8)
    tint = Image.new('RGB', image.size, colour)
    return Image.composite(tint, image.convert('RGB'), Image.fromarray(strength))


def label_map_picture(label_map: np.ndarray) -> Image.Image:
    """A label map (H, W) uint8 in the colours of `PALETTE`."""
    return Image.fromarray(np.asarray(PALETTE, dtype=np.uint8)[label_map])


def label_layer(label_map: np.ndarray, opacity: float = 0.6) -> Image.Image:
    """A label map (H, W) as an RGBA layer to lay over its photo; background is transparent."""
    layer = label_map_picture(label_map).convert('RGBA')
    layer.putalpha(Image.fromarray(np.where(label_map > 0, round(255 * opacity), 0).astype(np.uint8)))
    return layer


def read_layer(layer: Image.Image, before: np.ndarray) -> np.ndarray:
    """A label map (H, W) as somebody corrected it, by strokes in the colours of `PALETTE`.

    Args:
        layer: RGBA, of any size; transparent where nothing was painted.
        before: (H, W) label map, which stays there.

    Returns:
        (H, W) uint8 in `LABELS`.
    """
    size = before.shape[1], before.shape[0]
    pixels = np.asarray(layer.convert('RGBA').resize(size, Image.Resampling.NEAREST)).astype(np.int32)
    distance = [((pixels[..., :3] - colour) ** 2).sum(-1) for colour in PALETTE]
    return np.where(pixels[..., 3] >= OPAQUE, np.argmin(distance, axis=0), before).astype(np.uint8)


def masked_picture(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """The photo without what is under the mask (H, W), as the attention stream is shown it: black there."""
    _check_shape(image, mask)
    return Image.composite(Image.new('RGB', image.size), image, Image.fromarray(mask.astype(np.uint8) * 255))


def make_photo_view(photo: Image.Image, attention: np.ndarray | None, label_map: np.ndarray) -> PhotoView:
    """A view of `DRAWN_SIDE` of a photo with maps of its size; smaller photos keep theirs."""
    small = shrink(photo)
    size = small.size
    if attention is not None:
        # Half the memory, and still finer than the 256 colours it is drawn in.
        attention = resize_map(attention, size).astype(np.float16)
    labels = Image.fromarray(label_map).resize(size, Image.Resampling.NEAREST)
    return PhotoView(small, attention, np.asarray(labels))


def shrink(photo: Image.Image) -> Image.Image:
    """The photo at `DRAWN_SIDE`; a smaller one as it is."""
    scale = min(1.0, DRAWN_SIDE / max(photo.size))
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return photo.resize(size, reducing_gap=2.0)


def resize_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Values (h, w) in [0, 1] -> (H, W) float32 in [0, 1]; `size` is (W, H)."""
    resized = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)


def draw(photo_view: PhotoView, view: str, opacity: float = 0.5, heatmap: np.ndarray | None = None) -> Image.Image:
    """One of `VIEWS` of a photo. Without an attention map, or without a heatmap, it is the photo that is drawn.

    Args:
        opacity: of the colours over the photo, in [0, 1].
        heatmap: Grad-CAM (H, W) in [0, 1].

    Raises:
        ValueError: there is no such view.
    """
    photo, clothing = photo_view.photo, class_mask(photo_view.label_map)
    if view == 'side by side':
        return side_by_side([picture for picture, _ in views(photo, photo_view.attention, clothing, opacity)])
    if view == 'clothing':
        return mask_overlay(photo, clothing, opacity=opacity)
    if view == 'clothes erased':
        return masked_picture(photo, clothing)
    if view == 'attention' and photo_view.attention is not None:
        return attention_overlay(photo, photo_view.attention, opacity, stretch=True)
    if view == 'Grad-CAM' and heatmap is not None:
        return attention_overlay(photo, heatmap, opacity)
    if view not in VIEWS:
        raise ValueError(f'view must be one of {", ".join(VIEWS)}, got {view!r}')
    return photo


def views(
    image: Image.Image,
    attention: np.ndarray | None,
    clothing: np.ndarray,
    opacity: float = 0.5,
) -> list[tuple[Image.Image, str]]:
    """The photo, its attention (if there is one; contrast stretched) and its clothing, each with a caption."""
    pictures = [(image, 'photo'), (mask_overlay(image, clothing, opacity=opacity), 'clothing')]
    if attention is not None:
        overlay = attention_overlay(image, attention, opacity, stretch=True)
        pictures.insert(1, (overlay, f'attention {attention.min():.2f} to {attention.max():.2f}'))
    return pictures


def side_by_side(pictures: Sequence[Image.Image], height: int = 320, gap: int = 6) -> Image.Image:
    """Pictures in a row, each `height` pixels high, with `gap` transparent pixels between."""
    scaled = [picture.resize((max(1, round(picture.width * height / picture.height)), height)) for picture in pictures]
    return sheet([scaled], gap, background=None)


def _check_shape(image: Image.Image, values: np.ndarray) -> None:
    if values.shape != (image.height, image.width):
        raise ValueError(f'values of size {values.shape} for an image of size {(image.height, image.width)} (H, W)')
