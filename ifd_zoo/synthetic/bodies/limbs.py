"""Two-bone inverse kinematics: rotations that bring a hand or an ankle to a target."""

from typing import NamedTuple

import numpy as np


class Limb(NamedTuple):
    """Joints of an arm or leg at rest, each (3,)."""

    start: np.ndarray
    middle: np.ndarray
    end: np.ndarray


def turn(axis: np.ndarray, degrees: float) -> np.ndarray:
    """Return the (3, 3) rotation about a unit axis."""
    x, y, z = axis
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float32)
    return (np.eye(3) + sine * cross + (1 - cosine) * cross @ cross).astype(np.float32)


X, Y, Z = np.eye(3, dtype=np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _frame(along: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """(3, 3) columns: along the bone, the hinge orthogonal to it, and their cross product."""
    along = _unit(along)
    hinge = _unit(hinge - (hinge @ along) * along)
    return np.stack([along, hinge, np.cross(along, hinge)], 1).astype(np.float32)


def reach(
    rest: Limb, start: np.ndarray, target: np.ndarray, pole: np.ndarray, hinge: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotations of the upper and lower bone, rest to world, that bring the limb's end to the target.

    Args:
        start: position of the first joint.
        target: approached as far as the limb can reach.
        pole: direction in which the middle joint points.
        hinge: axis of the middle joint at rest, orthogonal to both bones or nearly so.
    """
    upper, lower = np.linalg.norm(rest.middle - rest.start), np.linalg.norm(rest.end - rest.middle)
    line = target - start
    distance = float(np.clip(np.linalg.norm(line), abs(upper - lower) + 1e-3, (upper + lower) * 0.999))
    line = _unit(line)
    side = _unit(pole - (pole @ line) * line)
    along = (distance**2 + upper**2 - lower**2) / (2 * distance)
    middle = along * line + np.sqrt(max(upper**2 - along**2, 0)) * side
    now = _unit(np.cross(middle, line * distance - middle))
    rotations = []
    for bone, direction in ((rest.middle - rest.start, middle), (rest.end - rest.middle, line * distance - middle)):
        rotations.append(_frame(direction, now) @ _frame(bone, hinge).T)
    return rotations[0], rotations[1]


def hinge_of(rest: Limb, towards: np.ndarray) -> np.ndarray:
    """Return the axis about which the lower bone turns when it bends `towards`."""
    return _unit(np.cross(rest.middle - rest.start, towards))
