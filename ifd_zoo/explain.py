"""What the network sees, as pictures: attention W_I and clothing mask drawn over the photo."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from ifd_zoo.parsing.labels import PALETTE

INFERNO = (
    (0, 0, 4),
    (33, 12, 74),
    (86, 16, 110),
    (137, 34, 106),
    (187, 55, 84),
    (227, 89, 50),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)
"""Nine RGB samples of the perceptual colour map `inferno` (Smith and van der Walt, CC0), from low to high."""

CLOTHING_COLOUR = (20, 200, 255)


def colour_map(values: np.ndarray) -> np.ndarray:
    """Colours of values.

    Args:
        values: (H, W) in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    table = np.asarray(INFERNO, dtype=np.float32)
    steps = np.linspace(0, 1, 256)
    fine = np.stack([np.interp(steps, np.linspace(0, 1, len(table)), channel) for channel in table.T], axis=-1)
    return np.round(fine).astype(np.uint8)[np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)]


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
) -> Image.Image:
    """The photo with the mask tinted and outlined.

    Args:
        image: RGB.
        mask: (H, W) bool, of the image's size.
        colour: RGB.

    Raises:
        ValueError: the mask has another size than the image.
    """
    _check_shape(image, mask)
    area = Image.fromarray(mask.astype(np.uint8) * 255)
    width = max(1, round(max(image.size) / 250))
    inside = area.filter(ImageFilter.MinFilter(2 * width + 1))
    strength = np.where(np.asarray(area) != np.asarray(inside), 255, np.asarray(area) // 2).astype(np.uint8)
    tint = Image.new('RGB', image.size, colour)
    return Image.composite(tint, image.convert('RGB'), Image.fromarray(strength))


def label_map_picture(label_map: np.ndarray) -> Image.Image:
    """A label map (H, W) uint8 in the colours of `PALETTE`."""
    return Image.fromarray(np.asarray(PALETTE, dtype=np.uint8)[label_map])


def views(
    image: Image.Image,
    attention: np.ndarray | None,
    clothing: np.ndarray,
) -> list[tuple[Image.Image, str]]:
    """The photo, its attention (if there is one; contrast stretched) and its clothing, each with a caption."""
    pictures = [(image, 'photo'), (mask_overlay(image, clothing), 'clothing')]
    if attention is not None:
        overlay = attention_overlay(image, attention, stretch=True)
        pictures.insert(1, (overlay, f'attention {attention.min():.2f} to {attention.max():.2f}'))
    return pictures


def side_by_side(pictures: Sequence[Image.Image], height: int = 320, gap: int = 6) -> Image.Image:
    """Pictures in a row, each `height` pixels high, with `gap` transparent pixels between."""
    scaled = [picture.resize((max(1, round(picture.width * height / picture.height)), height)) for picture in pictures]
    width = sum(picture.width for picture in scaled) + gap * (len(scaled) - 1)
    row, left = Image.new('RGBA', (width, height)), 0
    for picture in scaled:
        row.paste(picture, (left, 0))
        left += picture.width + gap
    return row


def _check_shape(image: Image.Image, values: np.ndarray) -> None:
    if values.shape != (image.height, image.width):
        raise ValueError(f'values of size {values.shape} for an image of size {(image.height, image.width)} (H, W)')
