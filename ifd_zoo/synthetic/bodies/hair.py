"""Hair: the cap on the scalp, and the hair that hangs from it."""

from collections.abc import Iterator

import numpy as np

from ifd_zoo.synthetic.bodies.head import Coat, Depths, measure_skull
from ifd_zoo.synthetic.bodies.mane import THICKNESS as HANGING
from ifd_zoo.synthetic.bodies.mane import mane
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import LABEL, Piece, ellipsoid, grid_triangles, rigid, solid, tube
from ifd_zoo.synthetic.parts import Hair, Layer

THICKNESS = {'buzz': 0.004, 'short': 0.016, 'tousled': 0.024, 'ponytail': 0.009, 'bun': 0.010, 'afro': 0.06}
UNDER = 0.003
"""Thickness in metres of the cap below hanging hair."""
SMOOTHING = {'afro': 12, 'buzz': 1, **dict.fromkeys(HANGING, 1)}
"""Smoothing rounds from the skull to the base of the cap; few for thin hair, or skin would show through."""
CURL = {'wavy': 1.0, 'tousled': 0.8, 'afro': 1.0, 'bob': 0.3}
BEHIND_EYE = 0.08
"""Metres from the eyes back to the middle of the skull on the template."""


def wear_hair(fitting: Fitting, hat: float | None = None) -> None:
    """Add the person's hair.

    Args:
        hat: height at rest of the lower edge of a hat, at the back and the sides.
    """
    hair = fitting.identity.hair
    if hair.style == 'bald':
        return
    coat = Coat(fitting, hair, measure_skull(fitting), Depths(fitting), hat)
    fitting.pieces.append(Piece(_cap(coat)))
    for vertices, triangles in _hanging(coat):
        bones, weights = _hold(coat, vertices)
        surface = rigid(vertices, triangles, bones, weights)
        fitting.pieces.append(solid(surface, 'hair', _material(coat, coat.skull.centre), hair.seed))


def hairline(fitting: Fitting, lift: float) -> np.ndarray:
    """Return (G,) metres above the hairline for the skin's vertices on the template: positive on the scalp."""
    template, fields = fitting.body.skin.surface.template, fitting.body.skin.surface.fields
    eye, y = fitting.marks.eye, template[:, 1]
    behind = np.clip((y - (eye[1] + 0.035)) / 0.10, 0, 1)
    line = (eye[2] + 0.062 + lift) * (1 - behind) + (eye[2] - 0.075) * behind
    line = np.where((y > eye[1] + 0.035) & (y < eye[1] + 0.075), np.minimum(line, eye[2]), line)
    cover = np.where(fields.head + fields.neck > 0.5, template[:, 2] - line, -0.1)
    return np.where(np.abs(template[:, 0]) > 0.079, np.minimum(cover, -0.005), cover).astype(np.float32)


def _cap(coat: Coat) -> Layer:
    fitting, hair = coat.fitting, coat.hair
    skin = fitting.body.skin
    vertices = fitting.identity.vertices[skin.source]
    template = skin.surface.template
    cover = hairline(fitting, hair.hairline)
    waves = np.sin(template @ np.array([71.0, 53.0, 37.0]) + hair.seed)
    waves = waves + 0.7 * np.sin(template @ np.array([-90.0, 60.0, 110.0]) + 2 * hair.seed)
    rough = 0.4 if hair.style == 'tousled' else 0.16
    depth = THICKNESS.get(hair.style, UNDER) * hair.volume * (1 + rough * waves)
    depth = 0.002 + depth * (0.2 + 0.8 * np.clip(cover / 0.035, 0, 1)) * coat.press(vertices[:, 2])
    smooth = skin.smooth(vertices, SMOOTHING.get(hair.style, 4))
    raised = np.where((cover > -0.02)[:, None], smooth + skin.normals(smooth) * depth[:, None], vertices)
    eye = fitting.marks.eye
    material = _material(coat, np.array([0, eye[1] + BEHIND_EYE, eye[2] + 0.035], np.float32))
    return Layer(skin.surface, raised.astype(np.float32), cover, LABEL['hair'], material, hair.seed)


def _material(coat: Coat, centre: np.ndarray) -> Hair:
    return Hair(coat.hair.colour, centre, CURL.get(coat.hair.style, 0.15))


def _hold(coat: Coat, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bones and weights: hair moves with the head above the chin, and with the trunk on the shoulders."""
    index, marks = coat.fitting.body.skeleton.index, coat.skull.eye
    high = np.clip((vertices[:, 2] - (marks - 0.19)) / 0.09, 0, 1)
    bones = np.broadcast_to(np.array([index['head'], index['spine01']], np.int32), (len(vertices), 2))
    return np.ascontiguousarray(bones), np.stack([high, 1 - high], 1).astype(np.float32)


def _hanging(coat: Coat) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    hair = coat.hair
    if hair.style in HANGING:
        yield mane(coat)
    elif hair.style == 'ponytail':
        yield _ponytail(coat)
    elif hair.style == 'bun':
        yield _bun(coat)
    if hair.fringe and hair.style in (*HANGING, 'ponytail', 'bun'):
        yield _fringe(coat)


def _fringe(coat: Coat) -> tuple[np.ndarray, np.ndarray]:
    """Fringe over the forehead, from below the crown to above the eyes."""
    hair, skull = coat.hair, coat.skull
    turn = np.linspace(-0.95, 0.95, 17)
    share = np.linspace(0, 1, 10)[:, None]
    end = skull.eye + 0.026 + 0.006 * np.sin(9 * turn + hair.seed) - 0.014 * np.abs(turn) + 0.012 * hair.parting * turn
    top = skull.crown - 0.015
    height = top + (end - top) * share
    thick = HANGING.get(hair.style, 0.009) * hair.volume * (1 - share) + (0.008 + 0.005 * hair.volume) * share
    off = thick * (1 + 0.1 * np.sin(13 * turn)) * coat.press(height) + 0.007
    points = skull.around(turn, height, off)
    return points.reshape(-1, 3), grid_triangles(*height.shape)


def _ponytail(coat: Coat) -> tuple[np.ndarray, np.ndarray]:
    hair, skull = coat.hair, coat.skull
    share = np.linspace(0, 1, 16)
    high = skull.crown - 0.05 - 0.06 * (1 + hair.parting) / 2
    start = skull.around(np.array(np.pi), np.array(high), 0.012)
    length = 0.14 + 0.22 * hair.length
    path = start + np.stack([0 * share, 0.045 * np.sin(np.minimum(share * 6, 1.9)), -length * share**1.15], 1)
    path = coat.depths.outside(path.astype(np.float32), 0.03, behind=True)
    radius = hair.volume * 0.026 * np.sin(np.clip(0.25 + share * 2.7, 0, np.pi)) ** 0.6 + 0.003
    return tube(path, radius, sides=9)


def _bun(coat: Coat) -> tuple[np.ndarray, np.ndarray]:
    hair, skull = coat.hair, coat.skull
    points, triangles = ellipsoid((0.044 * hair.volume, 0.04 * hair.volume, 0.038 * hair.volume), detail=9)
    top_knot = hair.length > 0.6 and coat.hat is None
    high = skull.crown - (0.01 if top_knot else 0.07 + 0.1 * hair.length)
    place = skull.around(np.array(np.pi), np.array(high), 0.02)
    return points + place, triangles
