"""Bags carried in the hand, on the forearm, over a shoulder, across the chest or on the back."""

import numpy as np

from ifd_zoo.synthetic.clothes.cuts import OUTSIDE, Cover, above, band, minimum
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import FOREARM_BONES, HAND_BONES, ellipsoid, merged, rigid, tube
from ifd_zoo.synthetic.clothes.wardrobe import Garment
from ifd_zoo.synthetic.parts import Surface

HELD = {'handbag': (0.17, 0.13, 0.07), 'tote bag': (0.18, 0.19, 0.05), 'clutch bag': (0.14, 0.09, 0.025)}
HELD |= {'arm bag': (0.19, 0.15, 0.08)}
"""Half length, half height and half width, metres."""
HANDLES = {'handbag': 0.10, 'tote bag': 0.13, 'arm bag': 0.12, 'clutch bag': 0.0}


def wear_bag(fitting: Fitting, garment: Garment) -> None:
    kind = garment.cut.kind
    if kind in HELD:
        _hold(fitting, garment)
    elif kind == 'backpack':
        _backpack(fitting, garment)
    else:
        _sling(fitting, garment, across=kind == 'cross-body bag')


def _hold(fitting: Fitting, garment: Garment) -> None:
    """Add a bag modelled around the origin, which hangs upright from the hand or forearm."""
    kind, side = garment.cut.kind, fitting.outfit.bag_side
    length, height, width = np.array(HELD[kind]) * garment.cut.size
    drop = HANDLES[kind] + 0.015
    points, triangles = ellipsoid((width, length, height), power=0.45, detail=11)
    points[:, :2] *= (1 - 0.16 * points[:, 2:] / height) if kind != 'clutch bag' else 1
    points[:, 2] -= drop + height
    parts = [(points, triangles)]
    for shift in (-0.4 * width, 0.4 * width) if HANDLES[kind] else ():
        turn = np.linspace(0, np.pi, 11)
        arc = np.stack(
            [np.full(11, shift), 0.5 * length * np.cos(turn), -drop - 0.01 + (drop + 0.01) * np.sin(turn)], 1
        )
        parts.append(tube(arc * [[1, 1, 1]], 0.006, sides=5))
    bone = (FOREARM_BONES if kind == 'arm bag' else HAND_BONES)[side]
    surface = rigid(*merged(parts), bone)
    fitting.add_solid(surface, 'bag', garment, fitting.cloth(garment, around=1.0, folds=0.008))


def _side(fitting: Fitting) -> float:
    return 1.0 if fitting.outfit.bag_side == 'L' else -1.0


def _strap(fitting: Fitting, garment: Garment, cover: Cover) -> None:
    shell = fitting.figure.shell(0.004, 1)
    shell = fitting.figure.lay(shell, cover)
    cloth = fitting.cloth(garment, folds=0.0)
    fitting.add(fitting.figure.surface, shell, cover, 'bag', cloth, garment)


def _sling(fitting: Fitting, garment: Garment, across: bool) -> None:
    """Add a bag at the hip, with its strap over the shoulder on the same side or across the chest."""
    marks, sign, size = fitting.marks, _side(fitting), garment.cut.size
    low = marks.hip + (0.0 if across else 0.08)
    if across:
        start, end = np.array([-sign * 0.095, marks.neck - 0.02]), np.array([sign * 0.19, low])
        normal = np.array([end[1] - start[1], start[0] - end[0]]) / np.linalg.norm(end - start)
        cover = band((normal[0], 0.0, normal[1]), float(normal @ start), 0.013)
    else:
        cover = band((1.0, 0.0, 0.0), sign * 0.128, 0.012)
    _strap(fitting, garment, minimum(cover, above(low)))
    hip = fitting.figure.profile()[_at_hip(fitting.figure.surface, low)]
    reach = np.abs(hip[:, 0]).max()
    points, triangles = ellipsoid((0.045 * size, 0.13 * size, 0.1 * size), power=0.45, detail=11)
    points += np.array([sign * (reach + 0.035 * size), hip[:, 1].mean() + 0.02, low + hip[:, 2].mean() - low - 0.06])
    surface = rigid(points.astype(np.float32), triangles, fitting.body.skeleton.index['spine05'])
    fitting.add_solid(surface, 'bag', garment, fitting.cloth(garment, folds=0.008))


def _at_hip(surface: Surface, height: float) -> np.ndarray:
    return np.flatnonzero((np.abs(surface.template[:, 2] - height) < 0.05) & (surface.fields.arm < 0.2))


def _backpack(fitting: Fitting, garment: Garment) -> None:
    marks, size = fitting.marks, garment.cut.size

    def straps(surface: Surface) -> np.ndarray:
        x, y, z = surface.template.T
        inside = np.minimum(0.018 - np.abs(np.abs(x) - 0.1), z - marks.neck + 0.24)
        return np.where((surface.fields.arm > 0.6) | (surface.fields.neck > 0.4), OUTSIDE, inside).astype(np.float32)

    _strap(fitting, garment, straps)
    figure, bone = fitting.figure, fitting.body.skeleton.index['spine02']
    middle = marks.neck - 0.2
    back = (np.abs(figure.surface.template[:, 2] - middle) < 0.12) & (figure.surface.fields.arm < 0.2)
    worn = figure.profile()[back]
    points, triangles = ellipsoid((0.145 * size, 0.075 * size, 0.205 * size), power=0.5)
    points += np.array([0, worn[:, 1].max() + 0.065 * size, worn[:, 2].mean() - 0.03])
    surface = rigid(points.astype(np.float32), triangles, bone)
    fitting.add_solid(surface, 'bag', garment, fitting.cloth(garment, folds=0.012))
