"""Objects behind people, and occluders in front of them."""

from typing import NamedTuple

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.camera import Camera, nominal_person
from ifd_zoo.synthetic.scenes.atlas import Atlas
from ifd_zoo.synthetic.scenes.planes import cut_out, paste
from ifd_zoo.synthetic.scenes.things import OBJECTS, OCCLUDERS

MOST_HIDDEN = 0.5
"""Largest share of an average person's box that occluders may hide."""


class Cover(NamedTuple):
    """Something laid over a canvas: occluders or a passer-by."""

    colour: np.ndarray
    """(rows, columns, 3) float32 0 to 255, multiplied by the share"""
    share: np.ndarray
    """(rows, columns) float32 opacity, 0 to 1"""

    def over(self, canvas: np.ndarray) -> np.ndarray:
        """Return the (rows, columns, 3) uint8 canvas with the cover in front."""
        hidden = canvas * (1 - self.share[..., None]) + self.colour
        return np.clip(hidden, 0, 255).astype(np.uint8)

    def blurred(self, spread: float) -> 'Cover':
        """Return the cover out of focus, blurred by `spread` samples."""
        if spread < 0.3:
            return self
        return Cover(cv2.GaussianBlur(self.colour, (0, 0), spread), cv2.GaussianBlur(self.share, (0, 0), spread))


def scatter(
    canvas: np.ndarray,
    camera: Camera,
    atlas: Atlas,
    rng: np.random.Generator,
    place: str,
    clutter: float,
    depth: float,
) -> np.ndarray:
    """Draw objects of a place behind the person, far ones first; return (rows, columns) bool, True where they are.

    Args:
        clutter: 0 to 1, amount of objects.
        depth: metres of room behind the person.
    """
    there = np.zeros(camera.size, bool)
    count = int(rng.integers(0, 2 + round(14 * clutter)))
    for distance in np.sort(0.35 + max(depth - 0.4, 0.3) * rng.random(count) ** 1.3)[::-1]:
        kind = OBJECTS[place][rng.integers(len(OBJECTS[place]))]
        image = atlas.take(rng, kind.paint)
        # Objects are spread over the camera's view at their distance, and a little beyond.
        spread = 0.55 * (distance - camera.position[1]) / -camera.position[1]
        where = np.array([rng.normal(0, 1.1) * spread, distance, kind.base])
        seen = cut_out(camera, image, where, rng.uniform(*kind.height))
        if seen is None:
            continue
        if not kind.base:
            _contact(canvas, camera, seen[1])
        paste(canvas, seen[0], seen[1])
        there[seen[1]] |= seen[0][..., 3] > 127
    return there


def _contact(canvas: np.ndarray, camera: Camera, where: tuple[slice, slice]) -> None:
    """Darken the floor at the foot of an object."""
    rows, columns = where
    if rows.stop >= camera.size[0]:
        return
    height = max(2, (columns.stop - columns.start) // 14)
    part = canvas[max(rows.stop - height, 0) : rows.stop + height, columns]
    fade = 1 - 0.45 * np.exp(-0.5 * np.linspace(-2, 2, len(part)) ** 2)
    part[:] = part * fade[:, None, None]


def cover_of(camera: Camera, atlas: Atlas, rng: np.random.Generator, place: str, light: np.ndarray) -> Cover:
    """Draw one or two occluders in front of the person, skipping any that would hide too much.

    Args:
        light: (3,) linear, on an upright surface.
    """
    colour = np.zeros((*camera.size, 3), np.float32)
    share = np.zeros(camera.size, np.float32)
    distance = -camera.position[1]
    body = _body(camera)
    for _ in range(int(rng.choice([1, 1, 2]))):
        kind = OCCLUDERS[place][rng.integers(len(OCCLUDERS[place]))]
        image = atlas.take(rng, kind.paint)
        height = rng.uniform(*kind.height)
        width = height * image.shape[1] / image.shape[0]
        depth = rng.uniform(0.35, min(0.55 * distance, 2.5))
        # Tall, wide objects hide one side only, so that part of the person stays visible.
        beside = height > 0.95 and width > 0.3
        side = rng.choice([-1, 1]) * (width / 2 + rng.uniform(-0.05, 0.25)) if beside else rng.normal(0, 0.3)
        seen = cut_out(camera, image, np.array([side, -depth, 0]), height)
        if seen is None:
            continue
        alpha = seen[0][..., 3] * np.float32(1 / 255)
        hidden = share.copy()
        hidden[seen[1]] += (1 - hidden[seen[1]]) * alpha
        if hidden[body].mean() > MOST_HIDDEN:
            continue
        shine = np.clip(light, 0.02, 1.2) ** (1 / 2.2) * rng.uniform(0.7, 1.1)
        colour[seen[1]] = colour[seen[1]] * (1 - alpha[..., None]) + seen[0][..., :3] * (alpha[..., None] * shine)
        share = hidden
    return Cover(colour, share)


def _body(camera: Camera) -> tuple[slice, slice]:
    """Box of a person of average size on the grid."""
    seen = camera.project(nominal_person().astype(np.float32))[:, :2]
    left, top = np.maximum(seen.min(0), 0).astype(int)
    right, bottom = seen.max(0).astype(int)
    return slice(top, min(bottom, camera.size[0])), slice(left, min(right, camera.size[1]))
