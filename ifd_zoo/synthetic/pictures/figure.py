"""Rendering of a posed person on the grid of samples: colour and label of every sample that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifd_zoo.synthetic.parts import PosedLayer
from ifd_zoo.synthetic.pictures.camera import Camera, turned
from ifd_zoo.synthetic.pictures.materials import Look, Materials, Samples, encode_light, unit
from ifd_zoo.synthetic.pictures.raster import Hits, visible
from ifd_zoo.synthetic.pictures.shading import SHADOW_SIDE, Light, ShadowMap, cast, hollows, shade


@dataclass(frozen=True, eq=False)
class Shape:
    """All layers of a person as one mesh in world coordinates."""

    layers: tuple[PosedLayer, ...]
    vertices: np.ndarray
    """(V, 3) float32; likewise `normals`."""
    normals: np.ndarray
    cover: np.ndarray
    """(V,)"""
    triangles: np.ndarray
    """(3, T) vertices, int64"""
    first_triangle: np.ndarray
    """(layers + 1,) first triangle of each layer; likewise `first_vertex`."""
    first_vertex: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """(N, 3) vertices that are covered."""
        return self.vertices[self.cover > 0]

    def shadow(self, light: Light, samples: int = SHADOW_SIDE) -> ShadowMap:
        return cast(light, self.vertices, self.triangles, self.cover, samples)


def shape_of(posed: Sequence[PosedLayer], azimuth: float, place: tuple[float, float] = (0, 0)) -> Shape:
    """Return the mesh of a person at `place`, turned so that the camera sees them from `azimuth`."""
    layers = tuple(posed)
    vertices = turned(np.concatenate([layer.vertices for layer in layers]), azimuth).astype(np.float32)
    vertices[:, :2] += np.array(place, np.float32)
    surfaces = [layer.layer.surface for layer in layers]
    triangles = [surface.geometry_triangles.T for surface in surfaces]
    first_vertex = np.cumsum([0, *(len(layer.vertices) for layer in layers)])
    return Shape(
        layers=layers,
        vertices=vertices,
        normals=turned(np.concatenate([layer.normals for layer in layers]), azimuth).astype(np.float32),
        cover=np.concatenate([layer.layer.cover for layer in layers]).astype(np.float32),
        triangles=np.concatenate([part + start for part, start in zip(triangles, first_vertex, strict=False)], 1),
        first_triangle=np.cumsum([0, *(part.shape[1] for part in triangles)]),
        first_vertex=first_vertex,
    )


@dataclass(frozen=True, eq=False)
class Figure:
    """A person as seen by a camera, in P samples."""

    sample: np.ndarray
    """(P,) row * columns + column"""
    colour: np.ndarray
    """(P, 3) uint8 sRGB"""
    label: np.ndarray
    """(P,) uint8, none of them background"""


def draw_figure(
    shape: Shape,
    camera: Camera,
    light: Light,
    shadow: ShadowMap,
    materials: Materials,
    depth_of_hollows: float = 0.0,
) -> Figure:
    """Render a person as the camera sees them.

    Args:
        shadow: of the same shape in the same light.
        depth_of_hollows: strength of ambient occlusion in armpits, between legs and under the chin; 0 for none.
    """
    hits = visible(camera.project(shape.vertices), shape.triangles, shape.cover, camera.size)
    open_share = np.ones(len(hits.sample), np.float32)
    if depth_of_hollows:
        depth = np.zeros(camera.size[0] * camera.size[1], np.float32)
        depth[hits.sample] = hits.depth
        near = hollows(depth.reshape(camera.size), camera.samples_per_metre, depth_of_hollows)
        open_share = near.ravel()[hits.sample]
    colour = np.zeros((len(hits.sample), 3), np.uint8)
    label = np.zeros(len(hits.sample), np.uint8)
    owner = np.searchsorted(shape.first_triangle, hits.triangle, side='right') - 1
    for index in range(len(shape.layers)):
        there = np.flatnonzero(owner == index)
        if len(there):
            look, points, back = _look(shape, index, hits, there, camera, materials)
            lit = shadow.lit(points + look.normal * np.float32(0.012), light.softness) * np.where(back, 0.4, 1)
            shut = open_share[there] * np.where(back, np.float32(0.6), np.float32(1))
            colour[there] = encode_light(shade(look, points, camera, light, lit.astype(np.float32), shut))
            label[there] = look.label
    return Figure(hits.sample, colour, label)


def _look(
    shape: Shape, index: int, hits: Hits, there: np.ndarray, camera: Camera, materials: Materials
) -> tuple[Look, np.ndarray, np.ndarray]:
    """Look of one layer, (N, 3) positions of its samples in the world, and (N,) bool, True for its inside."""
    layer = shape.layers[index].layer
    triangle = hits.triangle[there]
    corners, weights = shape.triangles[:, triangle], hits.weights[:, there]
    samples = Samples(corners, weights, np.empty(0), np.empty(0))
    points, normal = samples.mixed(shape.vertices), unit(samples.mixed(shape.normals))
    back = np.einsum('ij,ij->i', normal, camera.position.astype(np.float32) - points) < 0
    normal[back] *= -1
    own = corners - shape.first_vertex[index]
    uv = layer.surface.triangles.T[:, triangle - shape.first_triangle[index]]
    return materials.look(layer, Samples(own, weights, normal, uv)), points, back
