"""Hair that hangs down around the face: one sheet from the crown to the tips."""

import numpy as np

from ifd_zoo.synthetic.bodies.head import Coat
from ifd_zoo.synthetic.clothes.pieces import grid_triangles

THICKNESS = {'bob': 0.013, 'long': 0.011, 'wavy': 0.015}
SPREAD = {'bob': 0.016, 'long': 0.014, 'wavy': 0.026}
"""Metres that hair stands off below the ears."""
ROWS, COLUMNS = 34, 65
FRONT = 1.5
"""Radians from the middle of the face within which hair can fall in front of the shoulders."""
FOREHEAD = 0.052
"""Metres above the eyes at which hair parts."""


def mane(coat: Coat) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and triangles; columns follow the hair down, from one edge of the face around to the other.

    Above the forehead both edges meet in the parting.
    """
    hair, skull = coat.hair, coat.skull
    column = np.linspace(0, 1, COLUMNS)
    start = 0.8 + column * (2 * np.pi - 1.6)
    aside = np.minimum(start, 2 * np.pi - start)
    end = _ends(coat, start, aside)
    thickness = THICKNESS[hair.style] * hair.volume
    top = skull.crown + 0.005 + 0.8 * thickness * float(coat.press(np.array(skull.crown)))
    # Rows are denser where the sheet bends over the crown.
    height = top + (end - top) * np.linspace(0, 1, ROWS)[:, None] ** 1.7
    turn = _turns(coat, column, height, aside)
    low = np.clip((skull.eye + 0.06 - height) / 0.05, 0, 1)
    edge = np.clip(np.minimum(column, 1 - column) / 0.07, 0, 1)
    off = thickness * (1 + 0.16 * np.sin(5 * turn + hair.seed)) * (0.55 + 0.45 * edge) * coat.press(height) + 0.005
    tips = np.clip((height - end) / 0.1, 0.3, 1)
    # Hair below the skull stands off the neck.
    off = off + SPREAD[hair.style] * hair.volume * np.clip((skull.eye + 0.02 - height) / 0.12, 0, 1) * tips * edge
    if hair.style == 'wavy':
        off = off + low * 0.008 * np.sin(70 * (top - height) + 3 * np.sin(5 * turn) + hair.seed)
    points = skull.around(turn, height, off, top)
    before = (aside < FRONT) & (hair.front > 0)
    if hair.style != 'bob':
        _spread_over_chest(points, np.clip((skull.eye - 0.05 - height) / 0.12, 0, 1) * before, start, aside)
    return _outside(coat, points, before).reshape(-1, 3), grid_triangles(ROWS, COLUMNS)


def _ends(coat: Coat, start: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """(columns,) heights of the tips."""
    hair, eye = coat.hair, coat.skull.eye
    if hair.style == 'bob':
        end = np.full(len(start), eye - 0.085 - 0.07 * hair.length)
    else:
        behind, least = eye - 0.17 - 0.24 * hair.length, eye - 0.17
        # Hair swept behind the shoulders is as long as the rest.
        front = least + (behind - least) * (hair.front or 1.0)
        end = front + (behind - front) * np.clip((aside - 1.2) / 0.6, 0, 1)
    return end + 0.012 * np.sin(7 * start + hair.seed) + 0.008 * np.sin(17 * start + 2 * hair.seed)


def _turns(coat: Coat, column: np.ndarray, height: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """(rows, columns) radians from the front towards the left ear."""
    hair, eye = coat.hair, coat.skull.eye
    open_share = np.clip((eye + FOREHEAD + hair.hairline - height) / (FOREHEAD + hair.hairline), 0, 1)
    half = (0.9 + 0.2 * np.sin(hair.seed) ** 2) * np.sqrt(open_share)
    middle = 0.45 * hair.parting * (1 - open_share)
    turn = middle + half + column * (2 * np.pi - 2 * half)
    if hair.front == 0 and hair.style != 'bob':
        # All of it is swept behind the shoulders.
        swept = np.clip((eye - 0.06 - height) / 0.1, 0, 1) * np.clip(1.8 - aside, 0, 1.1)
        turn = turn + np.where(column < 0.5, swept, -swept)
    return turn


def _spread_over_chest(points: np.ndarray, share: np.ndarray, start: np.ndarray, aside: np.ndarray) -> None:
    """Lay the hair that frames the face side by side on the chest, in place."""
    place = np.where(start < np.pi, 1, -1) * (0.04 + 0.1 * (aside - aside.min()) / (FRONT - aside.min()))
    points[..., 0] += share * (place - points[..., 0])


def _outside(coat: Coat, points: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Move points in front of the chest or behind the back, without steps where they leave it."""

    def moved(points: np.ndarray, gap: float) -> np.ndarray:
        result = coat.depths.outside(points, gap, behind=True)
        result[:, before] = coat.depths.outside(points[:, before], gap, behind=False)
        return result

    way = (moved(points, 0.008 + 0.006 * coat.hair.volume) - points)[..., 1]
    for _ in range(2):
        way = (np.vstack([way[:1], way[:-1]]) + 2 * way + np.vstack([way[1:], way[-1:]])) / 4
    points[..., 1] += way
    return moved(points, 0.006)
