"""Trainers, boots, pumps, flats and sandals."""

from dataclasses import replace

import numpy as np

from ifd_zoo.synthetic.bodies.limbs import X, turn
from ifd_zoo.synthetic.bodies.posing import heel_angle
from ifd_zoo.synthetic.clothes.cuts import Cover, foot
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import Piece, grid_triangles, rigid
from ifd_zoo.synthetic.clothes.wardrobe import Garment

SOLE = 0.022
TOE = -0.1
"""y on the template where the toes begin."""
LIGHT = ('pumps', 'flats', 'sandals', 'heeled sandals')


def wear_shoes(fitting: Fitting, garment: Garment) -> None:
    cut, marks, surface = garment.cut, fitting.marks, fitting.figure.surface
    light = cut.kind in LIGHT
    cover = _cover(fitting, garment)
    shell = _foot(fitting, 0.004 if light else 0.010)
    rng = fitting.cut_stream(garment)
    fitting.figure.lay(shell, cover)
    # The sole is painted by template height; set it from the shoe, whose toes are not as flat as a foot's.
    template = surface.template.copy()
    low = (template[:, 2] < marks.floor + 0.05) & (surface.fields.leg > 0.5)
    template[low, 2] = marks.floor + shell[low, 2] - shell[low, 2].min()
    thick = 0.0 if light else rng.choice([0.0, 0.006])
    sole = (0.92, 0.92, 0.9) if cut.kind == 'trainers' and rng.random() < 0.55 else (0.08, 0.08, 0.08)
    cloth = fitting.cloth(garment, sole=None if light or thick == 0 else sole, folds=0.006)
    hides = foot(lambda places: marks.floor + 0.01 - places[:, 2]) if light else cover
    layer = fitting.layer(surface, shell, cover, 'shoes', cloth, garment)
    fitting.pieces.append(Piece(replace(layer, surface=replace(surface, template=template)), hides))
    if cut.heel > 0.015:
        _add_heels(fitting, garment)


def _foot(fitting: Fitting, thickness: float) -> np.ndarray:
    """(G, 3) foot without toes, with a flat sole."""
    figure, body = fitting.figure, fitting.body
    template = figure.surface.template
    smooth = body.tights.smooth(figure.coarse, 3)
    shoe = body.fine_tights.refine(smooth + figure.normals * np.float32(thickness))
    shoe = shoe + figure.base_normals * np.float32(thickness * 0.3)
    ground = figure.base[:, 2].min()
    low = (template[:, 2] < fitting.marks.ankle) & (shoe[:, 2] < ground + SOLE)
    shoe[low, 2] = ground - 0.012 + 0.25 * np.maximum(0, shoe[low, 2] - ground - 0.008)
    return shoe


def _add_heels(fitting: Fitting, garment: Garment) -> None:
    """Add blocks below the heels that stand upright once the foot is on its toes."""
    index, joints = fitting.body.skeleton.index, fitting.identity.joints
    ground = fitting.figure.base[:, 2].min() - 0.012
    tilt = turn(X, heel_angle(garment.cut.heel))
    wide = 0.009 if garment.cut.heel > 0.055 else 0.02
    for side in 'LR':
        ankle, ball = joints[index[f'foot.{side}']], joints[index[f'toe2-1.{side}']]
        top = tilt @ (ankle * [1, 1, 0] + [0, 0.028, ground + 0.015] - ankle)
        floor = (tilt @ (ball * [1, 1, 0] + [0, 0, ground] - ankle))[2]
        around = np.linspace(0, 2 * np.pi, 9)
        rows = []
        for share in (0.0, 0.5, 1.0):
            radius = 0.024 + (wide - 0.024) * min(1, share * 1.4)
            circle = np.stack([radius * np.cos(around), radius * np.sin(around), 0 * around], 1)
            rows.append(circle + top + share * np.array([0, 0, floor - top[2]]))
        points = np.concatenate(rows) @ tilt + ankle
        surface = rigid(points.astype(np.float32), grid_triangles(3, 9)[:, ::-1], index[f'foot.{side}'])
        fitting.add_solid(surface, 'shoes', garment, fitting.cloth(garment, folds=0.0))


def _cover(fitting: Fitting, garment: Garment) -> Cover:
    cut, marks = garment.cut, fitting.marks
    ankle, floor = marks.ankle, marks.floor
    if cut.kind not in LIGHT:
        return foot(lambda template: ankle + cut.length - template[:, 2])
    if cut.kind in ('pumps', 'flats'):

        def low(template: np.ndarray) -> np.ndarray:
            back = np.clip((template[:, 1] + 0.02) / 0.06, 0, 1)
            edge = floor + 0.03 + 0.035 * back
            toes = np.minimum(TOE - 0.01 - template[:, 1], ankle - template[:, 2])
            return np.maximum(edge - template[:, 2], toes)

        return foot(low)

    def straps(template: np.ndarray) -> np.ndarray:
        y, z = template[:, 1], template[:, 2]
        sole = floor + 0.014 - z
        toes = np.minimum(0.014 - np.abs(y - TOE - 0.005), ankle - z)
        round_ankle = 0.009 - np.abs(z - ankle + 0.01)
        return np.maximum.reduce([sole, toes, round_ankle])

    return foot(straps)
