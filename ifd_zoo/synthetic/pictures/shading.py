"""Lighting of people: sun with soft shadows, sky and ground, ambient occlusion in hollows."""

from dataclasses import dataclass

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.camera import Camera, orthographic
from ifd_zoo.synthetic.pictures.materials import Look, decode, unit
from ifd_zoo.synthetic.pictures.raster import visible

SHADOW_SIDE = 224
"""Samples along each side of the shadow map."""
BIAS = 0.012
"""Metres behind an occluder at which its shadow starts."""


@dataclass(frozen=True, eq=False)
class Light:
    kind: str
    sun: np.ndarray
    """(3,) unit, towards the sun or the main lamp, for a camera that looks along +y."""
    sun_colour: np.ndarray
    """(3,) linear"""
    sky: np.ndarray
    """(3,) linear light from above; `ground` is that from below."""
    ground: np.ndarray
    side: np.ndarray
    """(3,) horizontal, towards the side that more ambient light comes from; its length is how much more, 0 to 1."""
    softness: float
    """Width of shadow edges, metres at the distance of a person's width."""

    @property
    def level(self) -> np.ndarray:
        """(3,) linear light on an upright surface, which lights the background."""
        return 0.5 * (self.sky + self.ground) + 0.4 * self.sun_colour * max(0.2, -self.sun[1])


@dataclass(frozen=True, eq=False)
class ShadowMap:
    matrix: np.ndarray
    """(3, 4) to column, row and depth of the map."""
    depth: np.ndarray
    """(S, S) depth of the surface nearest to the sun, inf where there is none."""

    def lit(self, points: np.ndarray, softness: float) -> np.ndarray:
        """Return the (N,) share of the sunlight, 0 to 1, that reaches the points."""
        seen = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        reach = max(softness * self.samples_per_metre, 0.7)
        total = np.zeros(len(points), np.float32)
        for across, down in ((1, 0.45), (-0.45, 1), (-1, -0.45), (0.45, -1)):
            place = self._cells(seen + np.array([across * reach, down * reach, 0], np.float32))
            total += self.depth.ravel()[place] > seen[:, 2] - np.float32(BIAS)
        return total * np.float32(0.25)

    def shades(self, points: np.ndarray) -> np.ndarray:
        """Return (N,) bool, True for points in the person's shadow; all points must lie behind the person."""
        return np.isfinite(self.depth.ravel()[self._cells(points @ self.matrix[:, :3].T + self.matrix[:, 3])])

    def _cells(self, seen: np.ndarray) -> np.ndarray:
        side = len(self.depth)
        column, row = (np.clip(seen[:, axis] + np.float32(0.5), 0, side - 1).astype(np.int32) for axis in (0, 1))
        return row * side + column

    @property
    def samples_per_metre(self) -> float:
        return float(np.linalg.norm(self.matrix[0, :3]))


def cast(
    light: Light, vertices: np.ndarray, triangles: np.ndarray, cover: np.ndarray, samples: int = SHADOW_SIDE
) -> ShadowMap:
    """Render the shadow map of a mesh, with `samples` along each side."""
    # A border of one sample around the person stays empty, so that points outside the map are lit.
    matrix = orthographic(light.sun, vertices[cover >= 0], samples)
    corners = vertices @ matrix[:, :3].T + matrix[:, 3]
    hits = visible(corners, triangles, cover, (samples, samples))
    depth = np.full(samples**2, np.inf, np.float32)
    depth[hits.sample] = hits.depth
    return ShadowMap(matrix, depth.reshape(samples, samples))


def hollows(depth: np.ndarray, samples_per_metre: float, strength: float) -> np.ndarray:
    """Return the share of the ambient light, 0 to 1, that reaches each sample: less where its surroundings are nearer.

    Args:
        depth: (H, W) metres, 0 where there is no person.
    """
    half = cv2.resize(depth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_NEAREST)
    there = (half > 0).astype(np.float32)
    darkness = np.zeros_like(half)
    for radius, weight in ((0.12, 1.6), (0.035, 2.6)):
        spread = max(radius * samples_per_metre / 4, 0.6)
        share = cv2.GaussianBlur(there, (0, 0), spread)
        mean = cv2.GaussianBlur(half, (0, 0), spread) / np.maximum(share, 1e-3)
        nearer = np.clip(half - mean, 0, radius) / radius
        darkness += weight * nearer * share
    light = np.exp(-strength * 1.1 * darkness)
    return cv2.resize(light, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)


def shade(
    look: Look, points: np.ndarray, camera: Camera, light: Light, lit: np.ndarray, open_share: np.ndarray
) -> np.ndarray:
    """Return the (N, 3) linear light towards the camera.

    Args:
        lit: (N,) share of the sunlight that arrives.
        open_share: (N,) share of the ambient light that arrives.
    """
    normal = look.normal
    view = unit(camera.position.astype(np.float32) - points)
    sun = light.sun.astype(np.float32)
    facing = normal @ sun
    if look.softness:
        facing = (facing + look.softness) / (1 + look.softness)
    direct = np.maximum(facing, 0) * lit
    up = np.clip(0.5 + 0.5 * normal[:, 2], 0, 1)
    near_ground = 0.7 + 0.3 * np.clip(points[:, 2] / 0.6, 0, 1)
    around = (light.ground + (light.sky - light.ground) * up[:, None]) * (open_share * near_ground)[:, None]
    if look.softness:
        # Light scattered under the skin is redder where little light arrives.
        around = around * (1 + look.softness * np.array([0.25, 0.02, -0.06], np.float32) * (1 - open_share[:, None]))
    around = around * (1 + normal @ light.side.astype(np.float32))[:, None]
    result = decode(look.colour) * (around + light.sun_colour * direct[:, None])
    shine = _highlight(look, sun, view) * look.gloss * lit
    rim = 0.05 * np.maximum(1 - np.einsum('ij,ij->i', normal, view), 0) ** 4 * open_share
    result = result + light.sun_colour * (0.35 * shine)[:, None] + light.sky * rim[:, None]
    if look.reached is not None:
        result = result * look.reached[:, None]
    return result.astype(np.float32)


def _highlight(look: Look, sun: np.ndarray, view: np.ndarray) -> np.ndarray:
    half = unit(sun + view)
    if look.strand is None:
        return np.maximum(np.einsum('ij,ij->i', look.normal, half), 0) ** 24
    along = np.einsum('ij,ij->i', look.strand, half)
    return np.sqrt(np.maximum(1 - along**2, 0)) ** 40 * np.maximum(look.normal @ sun + 0.2, 0)
