"""Pictures of what the network sees: attention W_I, clothing mask, label map and Grad-CAM drawn over the photo."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ifd_zoo.images.sheets import in_rows, sheet
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.masks import class_mask

CLOTHING_COLOUR = (20, 200, 255)

DRAWN_SIDE = 384
"""Longer side of a `PhotoView` in pixels: large enough for the page, small enough to keep many in memory."""

VIEWS = ('side by side', 'photo', 'attention', 'clothing', 'clothes erased', 'Grad-CAM')
"""Views of a photo that `draw` offers."""

OPAQUE = 128  # least alpha at which a pixel of a layer counts as painted


class PhotoView(NamedTuple):
    """A photo with its attention and its label map, all of one size (H, W)."""

    photo: Image.Image
    attention: np.ndarray | None
    """W_I, (H, W) in [0, 1]; None for a model without attention."""
    label_map: np.ndarray
    """(H, W) uint8, indices in `LABELS`."""


def colour_map(values: np.ndarray) -> np.ndarray:
    """Map values to colours of the perceptually uniform colour map `inferno`.

    Args:
        values: (H, W) in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    from matplotlib import colormaps  # imported late, as it is slow

    return colormaps['inferno'](np.clip(values, 0, 1), bytes=True)[..., :3]


def colour_bar(width: int = 256, height: int = 12) -> Image.Image:
    """Draw the colours of `colour_map`, from 0 on the left to 1 on the right."""
    return Image.fromarray(colour_map(np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))))


def label_key(columns: int = 3, width: int = 112, height: int = 28) -> Image.Image:
    """Draw a legend: the classes of `LABELS`, each written on its colour in `PALETTE`, row by row.

    Args:
        width, height: of one tile, in pixels.
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
    """Draw the attention W_I over the photo, from black (ignored) through red to yellow (attended).

    Args:
        image: RGB.
        attention: (H, W) in [0, 1], of the image's size.
        opacity: of the colours, in [0, 1].
        stretch: scale the attention of this image to [0, 1]: shows where it is high, but not how high.

    Raises:
        ValueError: the attention and the image differ in size.
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
    """Tint and outline the mask on the photo.

    Args:
        image: RGB.
        mask: (H, W) bool, of the image's size.
        colour: RGB.
        opacity: of the tint, in [0, 1].

    Raises:
        ValueError: the mask and the image differ in size.
    """
    _check_shape(image, mask)
    area = Image.fromarray(mask.astype(np.uint8) * 255)
    width = max(1, round(max(image.size) / 250))
    inside = area.filter(ImageFilter.MinFilter(2 * width + 1))
    strength = np.where(np.asarray(area) != np.asarray(inside), 255, np.asarray(area) * opacity).astype(np.uint8)
    tint = Image.new('RGB', image.size, colour)
    return Image.composite(tint, image.convert('RGB'), Image.fromarray(strength))


def label_map_picture(label_map: np.ndarray) -> Image.Image:
    """Draw a label map (H, W) uint8 in the colours of `PALETTE`."""
    return Image.fromarray(np.asarray(PALETTE, dtype=np.uint8)[label_map])


def label_layer(label_map: np.ndarray, opacity: float = 0.6) -> Image.Image:
    """Draw a label map (H, W) as an RGBA layer to put over its photo; background is transparent."""
    layer = label_map_picture(label_map).convert('RGBA')
    layer.putalpha(Image.fromarray(np.where(label_map > 0, round(255 * opacity), 0).astype(np.uint8)))
    return layer


def read_layer(layer: Image.Image, before: np.ndarray) -> np.ndarray:
    """Return a label map (H, W) corrected by strokes in the colours of `PALETTE`.

    Args:
        layer: RGBA, of any size; transparent where nothing is painted.
        before: (H, W) label map, kept where nothing is painted.

    Returns:
        (H, W) uint8, indices in `LABELS`.
    """
    size = before.shape[1], before.shape[0]
    pixels = np.asarray(layer.convert('RGBA').resize(size, Image.Resampling.NEAREST)).astype(np.int32)
    distance = [((pixels[..., :3] - colour) ** 2).sum(-1) for colour in PALETTE]
    return np.where(pixels[..., 3] >= OPAQUE, np.argmin(distance, axis=0), before).astype(np.uint8)


def masked_picture(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Return the photo with the mask (H, W) erased to black, as the attention stream sees it."""
    _check_shape(image, mask)
    return Image.composite(Image.new('RGB', image.size), image, Image.fromarray(mask.astype(np.uint8) * 255))


def make_photo_view(photo: Image.Image, attention: np.ndarray | None, label_map: np.ndarray) -> PhotoView:
    """Make the `PhotoView` of a photo and maps of its size, reduced to `DRAWN_SIDE` if it is larger."""
    small = shrink(photo)
    size = small.size
    if attention is not None:
        # Half the memory of float32, and still finer than the 256 colours that it is drawn in.
        attention = resize_map(attention, size).astype(np.float16)
    labels = Image.fromarray(label_map).resize(size, Image.Resampling.NEAREST)
    return PhotoView(small, attention, np.asarray(labels))


def shrink(photo: Image.Image) -> Image.Image:
    """Reduce the photo to `DRAWN_SIDE`; smaller ones keep their size."""
    scale = min(1.0, DRAWN_SIDE / max(photo.size))
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return photo.resize(size, reducing_gap=2.0)


def resize_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize values (h, w) in [0, 1] to (H, W) float32 in [0, 1]; `size` is (W, H)."""
    resized = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized), 0, 1)


def draw(photo_view: PhotoView, view: str, opacity: float = 0.5, heatmap: np.ndarray | None = None) -> Image.Image:
    """Draw one of `VIEWS` of a photo; the photo itself if the attention or heatmap for the view is missing.

    Args:
        opacity: of the colours over the photo, in [0, 1].
        heatmap: Grad-CAM (H, W) in [0, 1].

    Raises:
        ValueError: the view is unknown.
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
    """Return the photo, its attention (if any; contrast stretched) and its clothing, each with a caption."""
    pictures = [(image, 'photo'), (mask_overlay(image, clothing, opacity=opacity), 'clothing')]
    if attention is not None:
        overlay = attention_overlay(image, attention, opacity, stretch=True)
        pictures.insert(1, (overlay, f'attention {attention.min():.2f} to {attention.max():.2f}'))
    return pictures


def side_by_side(pictures: Sequence[Image.Image], height: int = 320, gap: int = 6) -> Image.Image:
    """Put pictures in a row, each `height` pixels high, with `gap` transparent pixels between them."""
    scaled = [picture.resize((max(1, round(picture.width * height / picture.height)), height)) for picture in pictures]
    return sheet([scaled], gap, background=None)


def _check_shape(image: Image.Image, values: np.ndarray) -> None:
    if values.shape != (image.height, image.width):
        raise ValueError(f'values of size {values.shape} for an image of size {(image.height, image.width)} (H, W)')
