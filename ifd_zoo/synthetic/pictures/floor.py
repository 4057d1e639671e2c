"""Shadow of a person on the floor."""

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.camera import Camera
from ifd_zoo.synthetic.pictures.figure import Shape
from ifd_zoo.synthetic.pictures.shading import Light, ShadowMap

METRES, SIDE = 4.8, 192
"""Side of the square around the person in which the shadow is drawn, in metres and in samples."""


def floor_light(shape: Shape, shadow: ShadowMap, camera: Camera, light: Light, strength: float) -> np.ndarray:
    """Return the (rows, columns) float32 factor on the floor's sRGB brightness at each sample of the grid."""
    cast = _cast(shadow, light)
    near = _near(shape)
    sun = float(light.sun_colour.mean()) * max(float(light.sun[2]), 0.05)
    around = float(light.sky.mean())
    left = (around * (1 - 0.55 * near) + sun * (1 - cast)) / (around + sun)
    brightness = (1 - strength * (1 - np.clip(left, 0.05, 1))) ** (1 / 2.2)
    inverse = camera.plane(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    # Beyond the horizon the plane appears again, mirrored; it is reset below.
    to_cells = np.array([[SIDE / METRES, 0, SIDE / 2 - 0.5], [0, SIDE / METRES, SIDE / 2 - 0.5], [0, 0, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(
        brightness.astype(np.float32), to_cells @ inverse, camera.size[::-1], flags=flags, borderValue=1.0
    )
    rows, columns = np.arange(camera.size[0])[:, None], np.arange(camera.size[1])[None]
    seen[inverse[2, 0] * columns + inverse[2, 1] * rows + inverse[2, 2] <= 0] = 1
    return seen


def _cast(shadow: ShadowMap, light: Light) -> np.ndarray:
    """(SIDE, SIDE) share of the sunlight that the person blocks from the floor; rows along y."""
    places = ((np.arange(SIDE) + 0.5 - SIDE / 2) * (METRES / SIDE)).astype(np.float32)
    y, x = np.meshgrid(places, places, indexing='ij')
    dark = shadow.shades(np.stack([x.ravel(), y.ravel(), np.zeros(SIDE * SIDE, np.float32)], 1))
    spread = max(light.softness * 2 * SIDE / METRES, 0.8)
    return cv2.GaussianBlur(dark.reshape(SIDE, SIDE).astype(np.float32), (0, 0), spread)


def _near(shape: Shape) -> np.ndarray:
    """(SIDE, SIDE) share of the light from above that soles and hems block."""
    low = shape.vertices[(shape.vertices[:, 2] < 0.12) & (shape.cover >= 0)]
    cells = np.clip(np.rint(low[:, :2] * (SIDE / METRES) + SIDE / 2 - 0.5), 0, SIDE - 1).astype(int)
    feet = np.zeros((SIDE, SIDE), np.float32)
    feet[cells[:, 1], cells[:, 0]] = 1
    wide = cv2.GaussianBlur(feet, (0, 0), 0.16 * SIDE / METRES)
    return np.clip(1.4 * cv2.GaussianBlur(feet, (0, 0), 0.04 * SIDE / METRES) + 2.0 * wide, 0, 1)
