"""Belts and scarves."""

import numpy as np

from ifd_zoo.synthetic.bodies.head import Depths
from ifd_zoo.synthetic.clothes.bottoms import WAIST
from ifd_zoo.synthetic.clothes.collars import ring, swept
from ifd_zoo.synthetic.clothes.cuts import band
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import grid_triangles, rigid
from ifd_zoo.synthetic.clothes.wardrobe import Garment
from ifd_zoo.synthetic.parts import Cloth


def wear_belt(fitting: Fitting, garment: Garment) -> None:
    add_belt(fitting, garment, 'accessory', fitting.cloth(garment, folds=0.0))


def add_belt(fitting: Fitting, garment: Garment, label: str, cloth: Cloth) -> None:
    """Add a band around the waist, over everything worn so far."""
    cover = band((0.0, 0.0, 1.0), fitting.marks.hip + WAIST - 0.018, 0.019 * garment.cut.size)
    if fitting.outfit.of('skirt') or fitting.outfit.of('dress') or label == 'coat':
        fitting.figure.occupied[:] = fitting.figure.occupied.clip(0.011)
    shell = fitting.figure.lay(fitting.figure.shell(0.004, 3), cover)
    fitting.add(fitting.figure.surface, shell, cover, label, cloth, garment)


def wear_scarf(fitting: Fitting, garment: Garment) -> None:
    """Add a scarf around the neck; a long one hangs down in front."""
    size = garment.cut.size
    points, turn, bones, weights = ring(fitting.figure, 0.072)
    lumps = 1 + 0.2 * np.sin(3 * turn + garment.number) + 0.12 * np.sin(7 * turn)
    fat = 0.03 * size * lumps
    around = np.linspace(0, 2 * np.pi, 9)
    rings = [(0.012 + fat * np.sin(angle) * 0.9, 0.012 + fat * (0.75 - np.cos(angle))) for angle in around]
    cloth = fitting.cloth(garment, around=3.0)
    fitting.add_solid(swept(points, rings, (bones, weights)), 'accessory', garment, cloth)
    if garment.cut.length > 0.1:
        _add_tail(fitting, garment, points, cloth)


def _add_tail(fitting: Fitting, garment: Garment, points: np.ndarray, cloth: Cloth) -> None:
    across = np.linspace(-0.5, 0.5, 7) * 0.09 * garment.cut.size + (0.02 if garment.number % 2 else -0.03)
    down = np.linspace(0, 0.18 + garment.cut.length, 14)[:, None]
    folds = 0.008 * np.sin(across * 150 + 0.5 * down)
    front = points[:, 1].min() - 0.02
    sheet = np.stack(np.broadcast_arrays(across, front + folds, points[0, 2] + 0.015 - down), -1).astype(np.float32)
    sheet = Depths(fitting).outside(sheet, 0.012, behind=False).reshape(-1, 3)
    surface = rigid(sheet, grid_triangles(14, 7), fitting.body.skeleton.index['spine02'])
    fitting.add_solid(surface, 'accessory', garment, cloth)
