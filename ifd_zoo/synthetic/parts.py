"""What people are made of between the wardrobe and the renderer: surfaces, layers and materials.

Space: metres, z up, the ground at z = 0; a person at rest stands at the origin and looks along -y. Letters of shapes:
G vertices of the geometry, R vertices of the rendering (a vertex on a seam of the texture appears once for each side),
T triangles, K bones that move a vertex. Arrays are float32 and int32 where nothing else is said.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Fields(NamedTuple):
    """What is known of each vertex on the template body, whoever wears it; each (G,) but for `angle`."""

    arm: np.ndarray
    """Weight of the bones of the arm and hand, 0 to 1."""
    leg: np.ndarray
    head: np.ndarray
    neck: np.ndarray
    is_arm: np.ndarray
    """1 where `along` is measured on the arm, 0 elsewhere."""
    is_leg: np.ndarray
    along_arm: np.ndarray
    """Metres from the shoulder joint towards the hand; below 0 on the trunk side."""
    along_leg: np.ndarray
    angle: np.ndarray
    """(G, 2) unit vector around the trunk, arm or leg: cosine, sine; where a texture is wrapped around the body."""
    height: np.ndarray
    """Coordinate of the texture along trunk, arm or leg, metres."""
    is_left: np.ndarray


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh on the template body; garments, skin and hair are made by moving its vertices and cutting it."""

    triangles: np.ndarray
    """(T, 3) vertices of the rendering."""
    uv: np.ndarray
    """(R, 2)"""
    geometry: np.ndarray
    """(R,) the vertex of the geometry that a vertex of the rendering is."""
    template: np.ndarray
    """(G, 3) where the vertex lies on the template body."""
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
    """(H, W, 3) uint8 sRGB, tiles."""
    around: float = 1.0
    """Times that the texture goes around the body."""
    decal: np.ndarray | None = None
    """(h, w, 4) uint8 RGBA, printed on the chest."""
    placket: bool = False
    """A line down the front where it buttons."""
    sole: tuple[float, float, float] | None = None
    """Colour of a shoe's sole, sRGB 0 to 1."""
    folds: float = 0.022
    """Depth of the small folds that bend the normals."""
    gloss: float = 0.03


@dataclass(frozen=True, eq=False)
class Skin:
    colour: np.ndarray
    """(3,) sRGB 0 to 1; likewise below."""
    hair_colour: np.ndarray
    beard: float = 0.0
    """How dense, 0 to 1."""
    glasses: bool = False


@dataclass(frozen=True, eq=False)
class Eye:
    iris: tuple[float, float, float] = (0.1, 0.06, 0.04)


@dataclass(frozen=True, eq=False)
class Hair:
    colour: np.ndarray
    centre: np.ndarray
    """(3,) of the skull in the space of the surface's template; strands run from above it to all sides and down."""
    curl: float = 0.0
    """How far strands swing to the sides, 0 to 1."""


Material = Cloth | Skin | Eye | Hair


@dataclass(frozen=True, eq=False)
class Layer:
    """A surface that is worn or is the body itself, at rest."""

    surface: Surface
    vertices: np.ndarray
    """(G, 3)"""
    cover: np.ndarray
    """(G,) the surface is there where this, interpolated at a pixel, is not negative: crisp hems at any resolution."""
    label: int
    """Value in the label map. Skin writes face, arms, legs or neck itself, by the fields of the pixel."""
    material: Material
    seed: float = 0.0
    """Shifts the noise of its folds or strands, so that no two garments crease alike."""
    relief: np.ndarray | None = None
    """(G, 2) metres that the surface lies below its smoothed self, above 0 in a hollow: small ones and large ones."""


class PosedLayer(NamedTuple):
    layer: Layer
    vertices: np.ndarray
    """(G, 3) in the world"""
    normals: np.ndarray
    """(G, 3) unit, outwards"""


class Landmarks(NamedTuple):
    """Places on the template body, metres, that garments are cut at and faces are painted by."""

    hip: float
    knee: float
    ankle: float
    floor: float
    neck: float
    """Height of the neck's first joint."""
    neck_depth: float
    """Its y."""
    crown: float
    eye: np.ndarray
    """(3,) centre of the left eye"""
    arm_length: float
    leg_length: float
