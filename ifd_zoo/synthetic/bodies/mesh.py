"""Mesh operations on parts of the base mesh: triangles, normals, smoothing and subdivision."""

from dataclasses import dataclass

import numpy as np

from ifd_zoo.synthetic.parts import Fields, Surface

NEIGHBOURS = 8
BONES = 4


def triangulate(quads: np.ndarray) -> np.ndarray:
    """Split (Q, 4) quads into (2Q, 3) triangles."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum('ij,ij->i', vectors, vectors))
    return vectors / np.maximum(length, 1e-9)[:, None]


def corner_table(triangles: np.ndarray, count: int) -> np.ndarray:
    """Return (NEIGHBOURS, count) triangles around each vertex, padded with the number of triangles."""
    owner = triangles.T.ravel()
    order = np.argsort(owner, kind='stable')
    owner = owner[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    table = np.full((NEIGHBOURS, count), len(triangles), np.int32)
    fits = place < NEIGHBOURS
    table[place[fits], owner[fits]] = (order % len(triangles))[fits]
    return table


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray, corners: np.ndarray | None = None) -> np.ndarray:
    """Return (G, 3) unit normals, weighted by area.

    Args:
        vertices: (G, 3)
        triangles: (T, 3) into `vertices`
        corners: `corner_table` of the triangles, computed if not given.
    """
    corners = corner_table(triangles, len(vertices)) if corners is None else corners
    # One axis at a time: several times faster than rows of three.
    corner = np.ascontiguousarray(triangles.T, np.intp)
    x, y, z = (values[corner] for values in np.ascontiguousarray(vertices.T, np.float32))
    (ax, bx), (ay, by), (az, bz) = (values[1:] - values[0] for values in (x, y, z))
    normals = np.empty((len(vertices), 3), np.float32)
    for axis, across in enumerate((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)):
        across = np.append(across, np.float32(0))
        total = across[corners[0]]
        for ring in corners[1:]:
            total += across[ring]
        normals[:, axis] = total
    return unit(normals)


@dataclass(frozen=True, eq=False)
class Shell:
    """A part of the base mesh with the adjacency needed to drape it."""

    surface: Surface
    source: np.ndarray
    """(G,) vertices of the base mesh"""
    edges: np.ndarray
    """(E, 2) in both directions"""
    degree: np.ndarray
    """(G, 1)"""
    corners: np.ndarray

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        return vertex_normals(vertices, self.surface.geometry_triangles, self.corners)

    def smooth(self, vertices: np.ndarray, rounds: int, strength: float = 0.6) -> np.ndarray:
        """Move every vertex towards the mean of its neighbours."""
        start, end = self.edges.T
        for _ in range(rounds):
            mean = np.stack([np.bincount(start, vertices[end, axis], len(vertices)) for axis in range(3)], 1)
            vertices = vertices + np.float32(strength) * (mean.astype(np.float32) / self.degree - vertices)
        return vertices

    def relief(self, vertices: np.ndarray) -> np.ndarray:
        """Return (G, 2) metres that each vertex lies below the lightly and the strongly smoothed surface."""
        below, smooth = [], vertices
        for rounds, strength in ((12, 0.6), (34, 0.9)):
            smooth = self.smooth(smooth, rounds, strength)
            below.append(np.einsum('ij,ij->i', smooth - vertices, self.normals(smooth)))
        return np.stack(below, 1).astype(np.float32)


def edges_of(quads: np.ndarray) -> np.ndarray:
    """Return (E, 2) pairs of neighbours, in both directions."""
    sides = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    sides = sides[sides[:, 0] != sides[:, 1]]
    return np.unique(np.concatenate([sides, sides[:, ::-1]]), axis=0)


def strongest(weights: np.ndarray, count: int = BONES) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` bones with the largest weights of each vertex, and the normalised weights."""
    bones = np.argsort(-weights, 1, kind='stable')[:, :count]
    kept = np.take_along_axis(weights, bones, 1)
    return bones.astype(np.int32), (kept / np.maximum(kept.sum(1, keepdims=True), 1e-6)).astype(np.float32)


def shell_of(
    quads: np.ndarray,
    quad_uvs: np.ndarray,
    uvs: np.ndarray,
    template: np.ndarray,
    fields: Fields,
    weights: np.ndarray,
) -> Shell:
    """Return the part of the base mesh with the given faces.

    Args:
        quads: (Q, 4) vertices of the base mesh
        quad_uvs: (Q, 4) rows of `uvs`
        template, fields, weights: per vertex of the base mesh
    """
    pairs, corner = np.unique(np.stack([quads.ravel(), quad_uvs.ravel()], 1), axis=0, return_inverse=True)
    corner = corner.reshape(quads.shape)
    source, geometry = np.unique(pairs[:, 0], return_inverse=True)
    surface = surface_of(
        triangulate(corner),
        template[source],
        Fields(*(field[source] for field in fields)),
        strongest(weights[source]),
        (uvs[pairs[:, 1]], geometry.astype(np.int32)),
    )
    return finished(surface, source, geometry[corner])


def surface_of(
    triangles: np.ndarray,
    template: np.ndarray,
    fields: Fields,
    skinning: tuple[np.ndarray, np.ndarray],
    texture: tuple[np.ndarray, np.ndarray] | None = None,
) -> Surface:
    """Return a surface with (bones, weights) as `skinning`; without `texture` it has no seams."""
    count = len(template)
    uv, geometry = texture or (np.zeros((count, 2), np.float32), np.arange(count, dtype=np.int32))
    return Surface(triangles, uv, geometry, template.astype(np.float32), fields, *skinning)


def finished(surface: Surface, source: np.ndarray, quads: np.ndarray) -> Shell:
    edges = edges_of(quads)
    degree = np.maximum(np.bincount(edges[:, 0], minlength=len(source)), 1)[:, None].astype(np.float32)
    return Shell(surface, source, edges, degree, corner_table(surface.geometry_triangles, len(source)))


@dataclass(frozen=True, eq=False)
class Refinement:
    """Subdivision of every quad into four: new vertices are means of old ones."""

    shell: Shell
    mixes: tuple[np.ndarray, ...]
    """Old vertices averaged for each new one: the vertex itself, ends of an edge, corners of a quad."""

    def refine(self, values: np.ndarray) -> np.ndarray:
        """Interpolate values of the old vertices at the new ones."""
        return np.concatenate([values[rows].mean(1) for rows in self.mixes]).astype(values.dtype)


def refined(quads: np.ndarray, template: np.ndarray, fields: Fields, weights: np.ndarray) -> Refinement:
    """Subdivide `quads` of the base mesh, with arguments per vertex of the base mesh; the result has no seams."""
    source, local = np.unique(quads, return_inverse=True)
    local = local.reshape(quads.shape)
    sides = np.stack([np.sort(local[:, [i, (i + 1) % 4]], 1) for i in range(4)], 1)
    ends, side = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    side = side.reshape(len(quads), 4) + len(source)
    middle = len(source) + len(ends) + np.arange(len(quads))
    mixes = (np.arange(len(source))[:, None], ends, local)
    small = [np.stack([local[:, i], side[:, i], middle, side[:, i - 1]], 1) for i in range(4)]
    new_quads = np.concatenate(small)

    def mix(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[source][rows].mean(1) for rows in mixes]).astype(np.float32)

    new_fields = Fields(*(mix(field) for field in fields))
    new_fields = new_fields._replace(
        is_arm=(new_fields.is_arm > 0.5).astype(np.float32),
        is_leg=(new_fields.is_leg > 0.5).astype(np.float32),
        is_left=(new_fields.is_left > 0.5).astype(np.float32),
        angle=unit(new_fields.angle),
    )
    surface = surface_of(triangulate(new_quads), mix(template), new_fields, strongest(mix(weights)))
    return Refinement(finished(surface, np.arange(surface.template.shape[0]), new_quads), mixes)
