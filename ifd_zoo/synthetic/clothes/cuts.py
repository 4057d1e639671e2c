"""Outlines of garments: fields over a surface, not negative where covered, in approximate metres to the hem."""

from collections.abc import Callable

import numpy as np

from ifd_zoo.synthetic.parts import Landmarks, Surface

Cover = Callable[[Surface], np.ndarray]
"""Returns a (G,) field over a surface; the same function cuts the garment and hides what lies under it."""
OUTSIDE = -0.1


def minimum(*covers: Cover) -> Cover:
    return lambda surface: np.minimum.reduce([cover(surface) for cover in covers]).astype(np.float32)


def shrunk(cover: Cover, by: float) -> Cover:
    """Return the same cut with all hems moved inwards by `by` metres."""
    return lambda surface: cover(surface) - np.float32(by)


def body_of_top(marks: Landmarks, sleeve: float, hem: float) -> Cover:
    """Return the cover of trunk and arms from the neck down.

    Args:
        sleeve: metres along the arm; below 0.05 the shoulder is bare.
        hem: height of the lower edge.
    """

    def cover(surface: Surface) -> np.ndarray:
        fields, template = surface.fields, surface.template
        on_arm = fields.is_arm > 0
        inside = np.where(on_arm, 1.0, template[:, 2] - hem)
        if sleeve < 0.05:
            # A bare shoulder: the armhole is a curve on the trunk, from the armpit up to the strap.
            high = np.clip((template[:, 2] - (marks.neck - 0.19)) / 0.1, 0, 1)
            edge = 0.5 + (0.148 + sleeve - 0.5) * high
            inside = np.minimum(inside, np.where(on_arm, -0.03, edge - np.abs(template[:, 0])))
        else:
            inside = np.minimum(inside, np.where(on_arm, sleeve - fields.along_arm, 0.5))
        return np.where(fields.head + fields.neck > 0.6, -0.02, inside).astype(np.float32)

    return cover


def neckline(marks: Landmarks, kind: str, radius: float, depth: float) -> Cover:
    """Return the cover outside the neck opening.

    Args:
        kind: round, vee or straps.
        radius: of the opening around the neck.
        depth: how far it drops in front.
    """

    def cover(surface: Surface) -> np.ndarray:
        x, y, z = surface.template.T
        high = z > marks.neck - 0.09
        if kind == 'straps':
            strap = 0.014 - np.abs(np.abs(x) - 0.092)
            strap = np.where(surface.fields.is_arm > 0, OUTSIDE, strap)
            return np.maximum(marks.neck - depth - 0.02 * (y > 0) - z, strap)
        inside = np.where(high, np.hypot(x * 0.92, y - marks.neck_depth) - radius, 1.0)
        front = y < marks.neck_depth - 0.02
        if kind == 'vee':
            point = np.abs(x) * 0.9 * (depth + 0.04) / 0.1 + marks.neck - depth - z
            inside = np.minimum(inside, np.where(front, point, 1.0))
        elif depth:
            reach = np.hypot(x * (radius + depth) / radius * 0.8, z - marks.neck) - radius - depth + 0.02
            inside = np.minimum(inside, np.where(front, reach, 1.0))
        return inside.astype(np.float32)

    return cover


def between(top: float, bottom: float) -> Cover:
    """Return the cover of hips and legs between two heights."""

    def cover(surface: Surface) -> np.ndarray:
        inside = np.minimum(top - surface.template[:, 2], surface.template[:, 2] - bottom)
        return np.where(surface.fields.arm > 0.3, OUTSIDE, inside).astype(np.float32)

    return cover


def opened(gap: float, marks: Landmarks) -> Cover:
    """Return the cover beside an open front, which widens downwards."""

    def cover(surface: Surface) -> np.ndarray:
        x, y, z = surface.template.T
        widening = np.clip(1.3 - (z - marks.hip) / 0.5, 0.4, 1.9)
        return np.where((y < -0.02) & (surface.fields.is_arm < 0.5), np.abs(x) - gap * widening, 1.0).astype(np.float32)

    return cover


def band(normal: tuple[float, float, float], offset: float, half_width: float) -> Cover:
    """Return the cover of a strip of the trunk along a plane, for straps and belts."""

    def cover(surface: Surface) -> np.ndarray:
        inside = half_width - np.abs(surface.template @ np.array(normal, np.float32) - offset)
        off_trunk = (surface.fields.arm > 0.55) | (surface.fields.neck + surface.fields.head > 0.5)
        return np.where(off_trunk, OUTSIDE, inside).astype(np.float32)

    return cover


def above(height: float) -> Cover:
    return lambda surface: (surface.template[:, 2] - height).astype(np.float32)


def foot(cover: Callable[[np.ndarray], np.ndarray]) -> Cover:
    """Return the cover of legs and feet given by a function of (G, 3) template positions."""

    def on_leg(surface: Surface) -> np.ndarray:
        return np.where(surface.fields.leg > 0.5, cover(surface.template), OUTSIDE).astype(np.float32)

    return on_leg
