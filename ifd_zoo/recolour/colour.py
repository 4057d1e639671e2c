"""Colour spaces for cloth: sRGB, linear light, and Oklab.

Oklab is Björn Ottosson's "A perceptual color space for image processing" (2020). Its three values grow with the cube
root of light: light that is s**3 times as bright scales all three by s and leaves a / L and b / L as they are, which
separates the shading of a cloth from its dye.
"""

from collections.abc import Sequence

import numpy as np

RGB_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
CONES_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)
CONES_TO_RGB, LAB_TO_CONES = np.linalg.inv(RGB_TO_CONES), np.linalg.inv(CONES_TO_LAB)


def _decode(level: np.ndarray) -> np.ndarray:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _encode(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


LINEAR = _decode(np.arange(256) / 255).astype(np.float32)
STEPS = 4095
# Indexed by the square root of light, which spaces the entries about as evenly as sRGB spaces its levels.
LEVELS = np.round(255 * _encode(np.linspace(0, 1, STEPS + 1) ** 2)).astype(np.uint8)


def to_linear(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB levels uint8 to linear light float32 in [0, 1]; any shape."""
    return LINEAR[rgb]


def from_linear(light: np.ndarray) -> np.ndarray:
    """Convert linear light to sRGB levels uint8, clipped to the displayable range; any shape."""
    return LEVELS[(np.sqrt(np.clip(light, 0, 1)) * STEPS + 0.5).astype(np.uint16)]


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB (..., 3) uint8 to Oklab (..., 3) float32: L in [0, 1], a (green to red), b (blue to yellow)."""
    return light_to_oklab(to_linear(rgb))


def light_to_oklab(light: np.ndarray) -> np.ndarray:
    """Convert linear light (..., 3) to Oklab, as `to_oklab` does for sRGB."""
    return np.cbrt(light @ RGB_TO_CONES.T) @ CONES_TO_LAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Convert Oklab (..., 3) to sRGB levels (..., 3) uint8, clipped to the displayable range."""
    return from_linear((lab @ LAB_TO_CONES.T) ** 3 @ CONES_TO_RGB.T)


def parse_colour(value: str | Sequence[int]) -> tuple[int, int, int]:
    """Return (red, green, blue) of `#rrggbb` or of three integers from 0 to 255.

    Raises:
        ValueError: it is neither.
    """
    levels = value
    if isinstance(value, str) and len(value) == 7 and value[0] == '#':
        try:
            levels = bytes.fromhex(value[1:])
        except ValueError:
            levels = ()
    if isinstance(levels, (list, tuple, bytes)) and len(levels) == 3:
        if all(type(level) is int and 0 <= level <= 255 for level in levels):
            return tuple(levels)
    raise ValueError(f'a colour is #rrggbb or three whole numbers from 0 to 255, got {value!r}')


def to_hex(colour: Sequence[int]) -> str:
    """Return (red, green, blue) as `#rrggbb`."""
    return f'#{bytes(colour).hex()}'
