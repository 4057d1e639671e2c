"""Pieces of garments: layers, and the skin that they hide."""

from typing import NamedTuple

import numpy as np

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.bodies.mesh import corner_table, surface_of, triangulate
from ifd_zoo.synthetic.clothes.cuts import Cover
from ifd_zoo.synthetic.parts import Fields, Layer, Material, Surface

LABEL = {name: value for value, name in enumerate(LABELS)}
HAND_BONES = {'L': -4, 'R': -3}
"""Extra bones after those of the skeleton, which hang upright from the hands; below, from the forearms."""
FOREARM_BONES = {'L': -2, 'R': -1}


class Piece(NamedTuple):
    layer: Layer
    hides: Cover | None = None
    """Where the skin below can be left out."""


def rigid(
    vertices: np.ndarray, triangles: np.ndarray, bones: int | np.ndarray, weights: np.ndarray | None = None
) -> Surface:
    """Return a separate surface, such as a bag, with the texture wrapped around its centre.

    Args:
        vertices: (G, 3)
        bones: the one that carries it, or (G, K)
        weights: (G, K) if there are several bones
    """
    count = len(vertices)
    if weights is None:
        bones, weights = np.full((count, 1), bones, np.int32), np.ones((count, 1), np.float32)
    centre = vertices.mean(0)
    offset = vertices[:, :2] - centre[:2]
    angle = np.stack([-offset[:, 1], offset[:, 0]], 1) / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
    nothing = np.zeros(count, np.float32)
    fields = Fields(
        *(nothing for _ in range(8)),
        angle=angle.astype(np.float32),
        height=vertices[:, 2].astype(np.float32),
        is_left=nothing,
    )
    return surface_of(triangles, vertices, fields, (bones, weights))


def grid_triangles(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Return the triangles of a (rows, columns) grid of vertices; `closed` joins the last column to the first."""
    across = np.arange(columns if closed else columns - 1)
    start = np.arange(rows - 1)[:, None] * columns
    here, beside = start + across, start + (across + 1) % columns
    return triangulate(np.stack([here, here + columns, beside + columns, beside], -1).reshape(-1, 4))


def ellipsoid(radii: tuple[float, float, float], power: float = 1.0, detail: int = 13) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and triangles around the origin; a power below 1 makes it a box with rounded edges."""
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 2 * detail, endpoint=False), np.linspace(0, np.pi, detail))
    points = np.stack([np.cos(turn) * np.sin(tilt), np.sin(turn) * np.sin(tilt), np.cos(tilt)], -1).reshape(-1, 3)
    points = np.sign(points) * np.abs(points) ** power * np.array(radii)
    # Counterclockwise from outside.
    return points.astype(np.float32), grid_triangles(detail, 2 * detail, closed=True)


def tube(path: np.ndarray, radius: float | np.ndarray, sides: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and triangles of a pipe along (N, 3) points; `radius` may differ at each."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    along[0], along[-1] = path[1] - path[0], path[-1] - path[-2]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    first = np.cross(along, (0.31, 0.52, 0.8))
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(along, first)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(turn)[None, :, None] * first[:, None] + np.sin(turn)[None, :, None] * second[:, None]
    points = path[:, None] + ring * np.broadcast_to(radius, (len(path),))[:, None, None]
    triangles = grid_triangles(len(points), sides, closed=True)
    return points.reshape(-1, 3).astype(np.float32), np.ascontiguousarray(triangles[:, ::-1])


def solid(surface: Surface, label: str, material: Material, seed: float = 0.0) -> Piece:
    """Return a piece that covers its whole surface."""
    return Piece(
        Layer(surface, surface.template, np.ones(len(surface.template), np.float32), LABEL[label], material, seed)
    )


def merged(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Merge several (vertices, triangles) into one."""
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    triangles = [triangles + start for (_, triangles), start in zip(parts, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]).astype(np.float32), np.concatenate(triangles)


class Cutout(NamedTuple):
    """A layer without the vertices that cannot be seen."""

    layer: Layer
    triangles: np.ndarray
    corners: np.ndarray


def cut_out(layer: Layer) -> Cutout:
    """Drop the parts that are not covered, except one ring of triangles that the normals at the hem need."""
    surface = layer.surface
    triangles = surface.geometry_triangles
    shown = (layer.cover[triangles] >= 0).any(1)
    near = np.zeros(len(surface.template), bool)
    near[triangles[shown]] = True
    kept = near[triangles].any(1)
    rendering = np.zeros(len(surface.geometry), bool)
    rendering[surface.triangles[kept]] = True
    geometry = np.zeros(len(surface.template), bool)
    geometry[surface.geometry[rendering]] = True
    new_rendering, new_geometry = np.cumsum(rendering) - 1, np.cumsum(geometry) - 1
    small = Surface(
        new_rendering[surface.triangles[kept]].astype(np.int32),
        surface.uv[rendering],
        new_geometry[surface.geometry[rendering]].astype(np.int32),
        surface.template[geometry],
        Fields(*(field[geometry] for field in surface.fields)),
        surface.bones[geometry],
        surface.weights[geometry],
    )
    vertices, cover = layer.vertices[geometry].astype(np.float32), layer.cover[geometry].astype(np.float32)
    relief = None if layer.relief is None else layer.relief[geometry]
    result = Layer(small, vertices, cover, layer.label, layer.material, layer.seed, relief)
    small_triangles = small.geometry_triangles
    return Cutout(result, small_triangles, corner_table(small_triangles, len(vertices)))
