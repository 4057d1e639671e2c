"""Types shared by the wardrobe and the renderer: surfaces, layers and materials.

Coordinates are in metres, z up, the ground at z = 0; a person at rest stands at the origin and looks along -y. Shapes
use G for geometry vertices, R for render vertices (a vertex on a texture seam appears once for each side), T for
triangles and K for bones that move a vertex. Arrays are float32 and int32 unless stated otherwise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Fields(NamedTuple):
    """Per-vertex attributes of the template body, the same for all people; each (G,) except `angle`."""

    arm: np.ndarray
    """Skinning weight of the arm and hand bones, 0 to 1; likewise `leg`, `head` and `neck`."""
    leg: np.ndarray
    head: np.ndarray
    neck: np.ndarray
    is_arm: np.ndarray
    """1 on the arm, 0 elsewhere; likewise `is_leg`."""
    is_leg: np.ndarray
    along_arm: np.ndarray
    """Metres from the shoulder joint towards the hand; below 0 on the trunk side."""
    along_leg: np.ndarray
    angle: np.ndarray
    """(G, 2) cosine and sine of the angle around the trunk, arm or leg, along which textures are wrapped."""
    height: np.ndarray
    """Texture coordinate along the trunk, arm or leg, metres."""
    is_left: np.ndarray


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh on the template body; garments, skin and hair move its vertices and cut it."""

    triangles: np.ndarray
    """(T, 3) render vertices"""
    uv: np.ndarray
    """(R, 2)"""
    geometry: np.ndarray
    """(R,) geometry vertex of each render vertex"""
    template: np.ndarray
    """(G, 3) position on the template body"""
    fields: Fields
    bones: np.ndarray
    """(G, K)"""
    weights: np.ndarray
    """(G, K), rows sum to 1."""

    @property
    def geometry_triangles(self) -> np.ndarray:
        """(T, 3)"""
        return self.geometry[self.triangles]


@dataclass(frozen=True, eq=False)
class Cloth:
    texture: np.ndarray
    """(H, W, 3) uint8 sRGB, tileable"""
    around: float = 1.0
    """Number of times that the texture repeats around the body."""
    decal: np.ndarray | None = None
    """(h, w, 4) uint8 RGBA, printed on the chest."""
    placket: bool = False
    """Whether there is a button line down the front."""
    sole: tuple[float, float, float] | None = None
    """Colour of a shoe's sole, sRGB 0 to 1."""
    folds: float = 0.022
    """Depth of the small folds, applied to the normals."""
    gloss: float = 0.03


@dataclass(frozen=True, eq=False)
class Skin:
    colour: np.ndarray
    """(3,) sRGB 0 to 1; likewise `hair_colour`."""
    hair_colour: np.ndarray
    beard: float = 0.0
    """Density, 0 to 1."""
    glasses: bool = False


@dataclass(frozen=True, eq=False)
class Eye:
    iris: tuple[float, float, float] = (0.1, 0.06, 0.04)


@dataclass(frozen=True, eq=False)
class Hair:
    colour: np.ndarray
    centre: np.ndarray
    """(3,) centre of the skull on the template; strands run from the crown down on all sides."""
    curl: float = 0.0
    """Sideways swing of the strands, 0 to 1."""


Material = Cloth | Skin | Eye | Hair


@dataclass(frozen=True, eq=False)
class Layer:
    """A worn surface, or the body itself, at rest."""

    surface: Surface
    vertices: np.ndarray
    """(G, 3)"""
    cover: np.ndarray
    """(G,) field that is not negative where the surface exists; interpolated per pixel, it gives crisp hems."""
    label: int
    """Value in the label map; skin sets face, arms, legs or neck per pixel instead, from its fields."""
    material: Material
    seed: float = 0.0
    """Offset of the fold or strand noise, so that no two garments crease alike."""
    relief: np.ndarray | None = None
    """(G, 2) metres below the smoothed surface, positive in hollows, at a small and a large scale."""


class PosedLayer(NamedTuple):
    layer: Layer
    vertices: np.ndarray
    """(G, 3) in world coordinates"""
    normals: np.ndarray
    """(G, 3) unit, outwards"""


class Landmarks(NamedTuple):
    """Landmarks of the template body, metres, for cutting garments and painting faces."""

    hip: float
    knee: float
    ankle: float
    floor: float
    neck: float
    """Height of the neck's first joint."""
    neck_depth: float
    """y of the neck's first joint."""
    crown: float
    eye: np.ndarray
    """(3,) centre of the left eye"""
    arm_length: float
    leg_length: float
