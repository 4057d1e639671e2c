"""Hair: the cap on the scalp, and what hangs from it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ifd_zoo.synthetic.bodies.head import Depths, Skull, measure_skull
from ifd_zoo.synthetic.bodies.identity import Coiffure
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import LABEL, Piece, ellipsoid, grid_triangles, rigid, solid, tube
from ifd_zoo.synthetic.parts import Hair, Layer

THICKNESS = {'buzz': 0.004, 'short': 0.016, 'tousled': 0.024, 'bob': 0.016, 'long': 0.013, 'wavy': 0.017}
THICKNESS |= {'ponytail': 0.009, 'bun': 0.010, 'afro': 0.06}
HANGING = ('bob', 'long', 'wavy')
SPREAD = {'bob': 0.026, 'long': 0.02, 'wavy': 0.036}
"""Metres that hanging hair stands off below the ears."""
ROWS = 26


class Coat(NamedTuple):
    """The head as hair meets it."""

    fitting: Fitting
    hair: Coiffure
    skull: Skull
    depths: Depths
    hat: float | None
    """Height that a hat comes down to; hair above it is pressed flat."""

    def press(self, height: np.ndarray) -> np.ndarray:
        """0 to 1: how much of its thickness the hair keeps."""
        return np.ones_like(height) if self.hat is None else np.clip((self.hat + 0.015 - height) / 0.03, 0.0, 1)


def wear_hair(fitting: Fitting, hat: float | None = None) -> None:
    """The person's own hair.

    Args:
        hat: height at rest that a hat comes down to at the back and the sides.
    """
    hair = fitting.identity.hair
    if hair.style == 'bald':
        return
    coat = Coat(fitting, hair, measure_skull(fitting), Depths(fitting), hat)
    fitting.pieces.append(Piece(_cap(coat)))
    for vertices, triangles in _hanging(coat):
        bones, weights = _hold(coat, vertices)
        surface = rigid(vertices, triangles, bones, weights)
        fitting.pieces.append(solid(surface, 'hair', Hair(hair.colour), hair.seed))


def hairline(fitting: Fitting, lift: float) -> np.ndarray:
    """(G,) of the skin, above 0 where the scalp is, in metres on the template."""
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
    rough = 0.4 if hair.style in ('tousled', 'afro', 'wavy') else 0.16
    depth = THICKNESS[hair.style] * hair.volume * (1 + rough * waves) * (0.2 + 0.8 * np.clip(cover / 0.035, 0, 1))
    depth = 0.002 + depth * coat.press(vertices[:, 2])
    smooth = skin.smooth(vertices, 12 if hair.style == 'afro' else 4)
    raised = np.where((cover > -0.02)[:, None], smooth + skin.normals(smooth) * depth[:, None], vertices)
    return Layer(skin.surface, raised.astype(np.float32), cover, LABEL['hair'], Hair(hair.colour), hair.seed)


def _hold(coat: Coat, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bones and weights: hair moves with the head above the chin and lies still on the shoulders."""
    index, marks = coat.fitting.body.skeleton.index, coat.skull.eye
    high = np.clip((vertices[:, 2] - (marks - 0.19)) / 0.09, 0, 1)
    bones = np.broadcast_to(np.array([index['head'], index['spine01']], np.int32), (len(vertices), 2))
    return np.ascontiguousarray(bones), np.stack([high, 1 - high], 1).astype(np.float32)


def _hanging(coat: Coat) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    hair = coat.hair
    if hair.style in HANGING:
        end = _end(coat)
        yield _curtain(coat, np.linspace(1.35, 2 * np.pi - 1.35, 34), end, behind=True)
        front = end if hair.style == 'bob' else coat.skull.eye - 0.13 + (end - coat.skull.eye + 0.13) * hair.front
        for sign in (1, -1):
            yield _curtain(coat, sign * np.linspace(0.95, 1.65, 11), front, behind=False)
    elif hair.style == 'ponytail':
        yield _ponytail(coat)
    elif hair.style == 'bun':
        yield _bun(coat)
    if hair.fringe and hair.style in (*HANGING, 'ponytail', 'bun'):
        yield _fringe(coat)


def _end(coat: Coat) -> float:
    """Height of the tips."""
    if coat.hair.style == 'bob':
        return coat.skull.eye - 0.085 - 0.07 * coat.hair.length
    return coat.skull.eye - 0.2 - 0.27 * coat.hair.length


def _curtain(coat: Coat, turn: np.ndarray, end: float, behind: bool) -> tuple[np.ndarray, np.ndarray]:
    """A sheet of hair over the angles `turn`, from the crown down to about `end`."""
    hair, skull = coat.hair, coat.skull
    share = np.linspace(0, 1, ROWS)[:, None]
    ragged = end + 0.018 * np.sin(7 * turn + hair.seed) + 0.012 * np.sin(17 * turn + 2 * hair.seed)
    top = skull.crown - 0.004
    height = top + (ragged - top) * share
    low = np.clip((skull.eye + 0.06 - height) / 0.05, 0, 1)
    if not behind:
        # Above the eyes the sheet reaches to the middle of the forehead; below it frames the face.
        inner = np.abs(turn).min()
        turn = np.sign(turn) * (np.abs(turn) - (1 - low) * 0.45 * (1.65 - np.abs(turn)) / (1.65 - inner))
    off = THICKNESS[hair.style] * hair.volume + 0.004
    tips = np.clip((height - ragged) / 0.1, 0.25, 1)
    off = off * (1 + 0.25 * np.sin(9 * turn + hair.seed)) * tips * coat.press(height) + 0.003
    # Hair that is not held by the skull stands off the neck.
    off = off + SPREAD[hair.style] * hair.volume * np.clip((skull.eye + 0.02 - height) / 0.12, 0, 1) * tips
    if hair.style == 'wavy':
        off = off + low * 0.009 * np.sin(70 * (top - height) + 3 * np.sin(5 * turn) + hair.seed)
    points = skull.around(np.broadcast_to(turn, height.shape), height, off)
    below = np.clip((skull.eye - 0.05 - height) / 0.12, 0, 1)
    if not behind:
        # What frames the face spreads over the chest.
        share = (np.abs(turn) - np.abs(turn).min()) / np.ptp(np.abs(turn))
        chest = np.sign(turn) * (0.035 + 0.115 * share)
        points[..., 0] += below * (chest - points[..., 0])
    outside = coat.depths.outside(points, 0.008 + 0.006 * hair.volume, behind)
    for _ in range(2):
        moved = (np.vstack([outside[:1], outside[:-1]]) + 2 * outside + np.vstack([outside[1:], outside[-1:]])) / 4
        outside[..., 1] = moved[..., 1]
    outside = coat.depths.outside(outside, 0.006, behind)
    triangles = grid_triangles(*height.shape)
    return outside.reshape(-1, 3), triangles if turn.flat[0] >= turn.flat[-1] else triangles[:, ::-1]


def _fringe(coat: Coat) -> tuple[np.ndarray, np.ndarray]:
    hair, skull = coat.hair, coat.skull
    turn = np.linspace(-0.85, 0.85, 15)
    share = np.linspace(0, 1, 9)[:, None]
    end = skull.eye + 0.028 + 0.01 * np.sin(9 * turn + hair.seed) - 0.012 * np.abs(turn) + 0.012 * hair.parting * turn
    top = skull.crown - 0.006
    height = top + (end - top) * share
    off = (0.006 + 0.005 * hair.volume) * (1 + 0.3 * np.sin(13 * turn)) * coat.press(height) + 0.002
    points = skull.around(np.broadcast_to(turn, height.shape), height, off)
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
