"""Collars and hoods."""

import numpy as np

from ifd_zoo.synthetic.clothes.drape import Figure
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import LABEL, Piece, grid_triangles, rigid
from ifd_zoo.synthetic.clothes.wardrobe import Garment
from ifd_zoo.synthetic.parts import Cloth, Layer, Surface

STEPS = 33


def ring(figure: Figure, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Trace a neckline on the outermost clothes.

    Returns:
        (STEPS, 3) points from the front over the left side all the way around, their (STEPS,) angles from the front,
        and their (STEPS, K) bones and weights.
    """
    turn = np.linspace(0, 2 * np.pi, STEPS)
    rows = _rows(figure, turn, radius)
    points = figure.profile()[rows]
    for _ in range(3):
        points = (np.roll(points, 1, 0) + 2 * points + np.roll(points, -1, 0)) / 4
    points[[0, -1]] = (points[0] + points[-1]) / 2
    points[:, 0] = (points[:, 0] - points[::-1, 0]) / 2
    return points, turn, figure.surface.bones[rows], figure.surface.weights[rows]


def _rows(figure: Figure, turn: np.ndarray, radius: float) -> np.ndarray:
    marks, template, fields = figure.marks, figure.surface.template, figure.surface.fields
    near = np.flatnonzero((template[:, 2] > marks.neck - 0.1) & (fields.is_arm == 0))
    wanted = np.stack([np.sin(turn) / 0.92, -np.cos(turn)], 1) * radius + [0, marks.neck_depth]
    distance = np.linalg.norm(template[near, None, :2] - wanted[None], axis=2)
    return near[distance.argmin(0)]


def swept(
    points: np.ndarray, rings: list[tuple[np.ndarray, np.ndarray]], skin: tuple[np.ndarray, np.ndarray]
) -> Surface:
    """Return a grid of rings: each is `points` moved outwards and up, by a number or (STEPS,) metres."""
    centre = points.mean(0)
    outwards = points[:, :2] - centre[:2]
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    rows = [
        points
        + np.concatenate([outwards * np.broadcast_to(out, STEPS)[:, None], np.broadcast_to(up, STEPS)[:, None]], 1)
        for out, up in rings
    ]
    count = len(rows)
    triangles = grid_triangles(count, STEPS)
    bones, weights = skin
    vertices = np.concatenate(rows).astype(np.float32)
    return rigid(vertices, triangles, np.tile(bones, (count, 1)), np.tile(weights, (count, 1)))


def add_collar(fitting: Fitting, garment: Garment, label: str, cloth: Cloth) -> None:
    """Add the collar of a garment that has one."""
    cut = garment.cut
    radius = {'roll': 0.06, 'shirt': 0.066, 'lapel': 0.074, 'hood': 0.08}[cut.collar]
    points, turn, bones, weights = ring(fitting.figure, radius)
    front = (1 + np.cos(turn)) / 2
    back = 1 - front
    if cut.collar == 'roll':
        rings = [(0.004, -0.006), (0.002, 0.02), (-0.004, 0.045), (0.004, 0.055), (0.008, 0.02)]
    elif cut.collar == 'hood':
        fat = 0.018 + 0.05 * back**2
        rings = [
            (0.0 * fat, 0.002 - 0 * fat),
            (0.1 * fat, 0.5 * fat),
            (0.7 * fat, 0.75 * fat),
            (1.2 * fat, 0.2 * fat),
            (1.3 * fat, -0.9 * fat * back),
            (0.8 * fat, -1.6 * fat * back),
        ]
    else:
        tall, fall = (0.03, 0.032) if cut.collar == 'shirt' else (0.03, 0.045)
        point = 0.6 + 0.7 * np.exp(-(((np.minimum(turn, 2 * np.pi - turn) - 0.4) / 0.3) ** 2))
        rings = [
            (0.002, -0.004),
            (-0.001, tall * (0.45 + 0.55 * back)),
            (0.006, tall * (0.45 + 0.55 * back)),
            (0.008 + fall * 0.35 * point, tall * (0.45 + 0.55 * back) - fall * 0.75 * point),
        ]
    surface = swept(points, rings, (bones, weights))
    gap = {'roll': -1.0, 'hood': 0.3 if label != 'upper' or cut.open else 0.1}.get(cut.collar, 0.16)
    keep = np.minimum(turn, 2 * np.pi - turn) - gap
    layer = Layer(surface, surface.template, np.tile(keep, len(rings)).astype(np.float32), LABEL[label], cloth, 3.0)
    fitting.pieces.append(Piece(layer))
