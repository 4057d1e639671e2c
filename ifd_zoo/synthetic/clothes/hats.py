"""Caps, beanies, brimmed hats and sunglasses."""

import numpy as np

from ifd_zoo.synthetic.bodies.head import Skull, measure_skull
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import ellipsoid, grid_triangles, merged, rigid, tube
from ifd_zoo.synthetic.clothes.wardrobe import Garment

COLUMNS = 33
OFF = 0.016
"""Metres between hat and skull, room for pressed hair."""


def hat_line(fitting: Fitting, garment: Garment) -> float:
    """Return the height at rest of the hat's lower edge at the sides."""
    return measure_skull(fitting).eye + {'cap': 0.035, 'beanie': 0.015}.get(garment.cut.kind, 0.045)


def wear_hat(fitting: Fitting, garment: Garment) -> None:
    skull = measure_skull(fitting)
    maker = {'cap': _cap, 'beanie': _beanie}.get(garment.cut.kind, _brimmed)
    vertices, triangles = maker(skull, garment)
    surface = rigid(vertices, triangles, fitting.body.skeleton.index['head'])
    fitting.add_solid(surface, 'hat', garment, fitting.cloth(garment, around=2.0, folds=0.004))


def _turns() -> np.ndarray:
    return np.linspace(0, 2 * np.pi, COLUMNS)


def _dome(skull: Skull, edge: np.ndarray, extra: float, rows: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Shell over the skull, from the (COLUMNS,) heights `edge` up."""
    share = np.sin(np.linspace(0, np.pi / 2, rows))[:, None]
    top = skull.crown + OFF
    height = edge + (top - edge) * share
    points = skull.around(np.broadcast_to(_turns(), height.shape), height, OFF)
    points[..., 2] += extra * share**3
    points[..., 1] += 0.8 * extra * share**2
    return points.reshape(-1, 3), grid_triangles(rows, COLUMNS)


def _cap(skull: Skull, garment: Garment) -> tuple[np.ndarray, np.ndarray]:
    turn = _turns()
    edge = skull.eye + 0.045 + 0.012 * np.cos(turn)
    ahead = np.linspace(-1.15, 1.15, 17)
    start = skull.around(ahead, np.full(17, skull.eye + 0.056), OFF - 0.002)
    reach = np.cos(ahead / 1.15 * np.pi / 2)[:, None] ** 0.6
    rows = [start + share * reach * np.array([0, -0.082, -0.026]) for share in (0.0, 0.5, 1.0)]
    brim = np.concatenate(rows).astype(np.float32), grid_triangles(3, 17)
    return merged([_dome(skull, edge, 0.004), brim])


def _beanie(skull: Skull, garment: Garment) -> tuple[np.ndarray, np.ndarray]:
    edge = skull.eye + 0.022 + 0.03 * np.cos(_turns())
    dome = _dome(skull, edge, 0.035 * max(0, garment.cut.size - 0.75), rows=11)
    share = np.linspace(0, 1, 4)[:, None]
    height = edge + 0.04 * share
    points = skull.around(np.broadcast_to(_turns(), height.shape), height, OFF + 0.006 * np.sin(np.pi * share) ** 0.5)
    return merged([dome, (points.reshape(-1, 3), grid_triangles(4, COLUMNS))])


def _brimmed(skull: Skull, garment: Garment) -> tuple[np.ndarray, np.ndarray]:
    turn = _turns()
    low = skull.eye + 0.062
    top = skull.crown + 0.03
    width = 0.075 * garment.cut.size
    # From the edge of the brim inwards, then up the crown and over its dent.
    outline = [(width, low - 0.012), (width * 0.5, low - 0.002), (0.0, low), (0.0, (low + top) / 2), (-0.008, top)]
    outline += [(-0.03, top + 0.006), (-0.055, top - 0.004), (-0.08, top - 0.006)]
    middle = skull.centre[2]
    rows = [skull.around(turn, np.full(COLUMNS, middle), OFF + out) * [1, 1, 0] + [0, 0, up] for out, up in outline]
    points = np.stack(rows)
    points[0, :, 2] += 0.012 * np.abs(np.sin(turn))
    return points.reshape(-1, 3).astype(np.float32), grid_triangles(len(outline), COLUMNS)


def wear_sunglasses(fitting: Fitting, garment: Garment) -> None:
    """Add sunglasses, which are labelled as face."""
    skeleton, joints = fitting.body.skeleton, fitting.identity.joints
    skull, size = measure_skull(fitting), garment.cut.size
    parts = []
    for side, sign in (('L', 1), ('R', -1)):
        eye = joints[skeleton.index[f'eye.{side}']]
        centre = eye + [sign * 0.003, -0.026, -0.002]
        points, triangles = ellipsoid((0.026 * size, 0.004, 0.021 * size), power=0.8, detail=7)
        parts.append((points + centre, triangles))
        hinge = centre + [sign * 0.024 * size, 0.004, 0.008]
        ear = np.array([sign * (skull.radii[0] + 0.004), skull.centre[1] + 0.01, hinge[2] + 0.004])
        bend = np.array([ear[0], hinge[1] + 0.02, hinge[2]])
        parts.append(tube(np.stack([hinge, bend, ear]), 0.003, sides=4))
        parts.append(tube(np.stack([centre, centre * [0, 1, 1] + [0, -0.002, 0.004]]), 0.003, sides=4))
    surface = rigid(*merged(parts), skeleton.index['head'])
    fitting.add_solid(surface, 'face', garment, fitting.cloth(garment, gloss=0.5, folds=0.0))
