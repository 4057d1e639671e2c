"""Draping of cloth on a person: shells of the body that hang, crease and lie over each other."""

import numpy as np

from ifd_zoo.synthetic.bodies.body import Body
from ifd_zoo.synthetic.clothes.cuts import Cover
from ifd_zoo.synthetic.parts import Surface

GAP = 0.004
"""Metres between garments worn over each other."""
CLOSE = 0.004
"""Metres between body and cloth, so that skin does not show through where the body is round."""


class Figure:
    """A naked person on whom garments are draped, one over another."""

    def __init__(self, body: Body, vertices: np.ndarray, joints: np.ndarray) -> None:
        self.body = body
        self.marks = body.landmarks
        self.vertices = vertices
        self.joints = joints
        self.coarse = vertices[body.tights.source]
        self.normals = body.tights.normals(self.coarse)
        self.base = body.fine_tights.refine(self.coarse)
        self.base_normals = body.fine_tights.shell.normals(self.base)
        self.occupied = np.zeros(len(self.base), np.float32)
        """(G,) metres from the body to the outermost cloth, per vertex of the fine tights."""

    @property
    def surface(self) -> Surface:
        return self.body.fine_tights.shell.surface

    def joint(self, name: str) -> np.ndarray:
        return self.joints[self.body.skeleton.index[name]]

    def shell(self, thickness: float, rounds: int, trunk: float = 0.0, leg: float = 0.0) -> np.ndarray:
        """Return (G, 3) cloth on the fine tights, `thickness` metres off the body.

        Args:
            rounds: of smoothing; with more, cloth spans wider hollows.
            trunk, leg: 0 to 1, how much it hangs straight down from chest and thigh.
        """
        tights = self.body.tights
        cloth = tights.smooth(self.coarse, rounds)
        distance = ((cloth - self.coarse) * self.normals).sum(1)
        # Arms are raised at rest: cloth that spans the armpit would puff up on a lowered arm.
        allowed = np.where(self._near_shoulder(), thickness + 0.002, np.inf)
        cloth = cloth + self.normals * (np.clip(distance, thickness, allowed) - distance)[:, None]
        if trunk:
            cloth = self._hang_trunk(cloth, trunk)
        if leg:
            cloth = self._hang_legs(cloth, leg)
        if trunk or leg:
            cloth = tights.smooth(cloth, 2)
        cloth = self.body.fine_tights.refine(cloth)
        return self.body.fine_tights.shell.smooth(cloth, 1, 0.5)

    def _near_shoulder(self) -> np.ndarray:
        template = self.body.tights.surface.template
        shoulder = self.body.joint('upperarm01.L')
        return np.hypot(np.abs(template[:, 0]) - shoulder[0], template[:, 2] - shoulder[2]) < 0.15

    def _hang_trunk(self, cloth: np.ndarray, amount: float) -> np.ndarray:
        fields, height = self.body.tights.surface.fields, self.body.tights.surface.template[:, 2]
        on_trunk = (fields.is_arm == 0) & (fields.is_leg == 0)
        centre = self.coarse[on_trunk].mean(0)[:2]
        top = self.marks.neck - 0.16
        chosen = on_trunk & (height < top)
        flat = cloth[chosen, :2] - centre
        radius = np.linalg.norm(flat, axis=1)
        wide = envelope(flat, height[chosen], radius, (top, self.marks.hip - 0.25))
        cloth[chosen, :2] = centre + flat * ((radius + amount * (wide - radius)) / radius)[:, None]
        return cloth

    def _hang_legs(self, cloth: np.ndarray, amount: float) -> np.ndarray:
        fields, template = self.body.tights.surface.fields, self.body.tights.surface.template
        for side, letter in ((1, 'L'), (0, 'R')):
            chosen = (fields.is_leg > 0) & (fields.is_left == side)
            hip, knee, ankle = (self.joint(f'{bone}.{letter}') for bone in ('upperleg01', 'lowerleg01', 'foot'))
            z = cloth[chosen, 2]
            upper = hip + (knee - hip) * ((hip[2] - z) / (hip[2] - knee[2]))[:, None]
            lower = knee + (ankle - knee) * ((knee[2] - z) / (knee[2] - ankle[2]))[:, None]
            axis = np.where((z > knee[2])[:, None], upper, lower)[:, :2]
            flat = cloth[chosen, :2] - axis
            radius = np.maximum(np.linalg.norm(flat, axis=1), 1e-3)
            height = template[chosen, 2]
            wide = envelope(flat, height, np.minimum(radius, 0.14), (self.marks.knee + 0.08, self.marks.ankle - 0.05))
            wide = np.where(height < self.marks.ankle - 0.01, np.minimum(radius, wide), wide)
            cloth[chosen, :2] = axis + flat * (np.maximum(radius + amount * (wide - radius), 0.02) / radius)[:, None]
        return cloth

    def lay(self, cloth: np.ndarray, cover: Cover) -> np.ndarray:
        """Lift a shell over the clothes worn so far, and record it as worn.

        Args:
            cloth: (G, 3) on the fine tights.
            cover: of the garment.
        """
        distance = ((cloth - self.base) * self.base_normals).sum(1)
        missing = np.maximum(0, np.where(self.occupied > 0, self.occupied + GAP, CLOSE) - distance)
        cloth = cloth + self.base_normals * missing[:, None]
        there = cover(self.surface) > -0.01
        self.occupied[there] = np.maximum(self.occupied, distance + missing)[there]
        return cloth

    def profile(self) -> np.ndarray:
        """Return the (G, 3) outermost cloth, or the body where it is bare, on the fine tights."""
        return self.base + self.base_normals * self.occupied[:, None]

    def skirt(self, flare: float, thickness: float, folds: float, rng: np.random.Generator) -> np.ndarray:
        """Return (G, 3) cloth on the fine skirt.

        Args:
            flare: factor on the width at the knee, below 1 for a narrow skirt.
            folds: depth at the knee, metres.
        """
        body, shell = self.body, self.body.skirt
        cloth = self.vertices[shell.source]
        height = shell.surface.template[:, 2]
        centre = np.array([0, cloth[:, 1].mean()], np.float32)
        down = np.clip((self.marks.hip + 0.1 - height) / 0.6, 0, 1)[:, None]
        cloth[:, :2] = centre + (cloth[:, :2] - centre) * (1 + (flare - 1) * down)
        cloth = body.fine_skirt.refine(shell.smooth(cloth, 2))
        fine = body.fine_skirt.shell
        cloth = cloth + fine.normals(cloth) * np.float32(thickness)
        return cloth + fine.normals(cloth) * (folds * _pleats(fine.surface, self.marks.hip, rng))[:, None]


def _pleats(surface: Surface, hip: float, rng: np.random.Generator) -> np.ndarray:
    """Hanging folds, 0 at the hip to about 1 below."""
    turn = np.arctan2(surface.template[:, 0], -surface.template[:, 1])
    down = np.clip((hip - surface.template[:, 2]) / 0.45, 0, 1.3)
    waves = sum(
        rng.uniform(0.4, 1) * np.sin(rng.integers(3, 10) * turn + rng.uniform(0, 6.3) + down * rng.normal(0, 0.7))
        for _ in range(4)
    )
    return (waves * 0.6 * down**1.3).astype(np.float32)


def envelope(flat: np.ndarray, height: np.ndarray, radius: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Return the (N,) largest radius in the same direction at or above each height: cloth that hangs straight down.

    Args:
        flat: (N, 2) offsets from the axis.
        height: (N,)
        radius: (N,) of close-fitting cloth.
        ends: heights of top and bottom.
    """
    directions, levels = 28, 40
    turn = (np.arctan2(flat[:, 0], -flat[:, 1]) / (2 * np.pi)) % 1 * directions
    level = np.clip((ends[0] - height) / (ends[0] - ends[1]) * levels, 0, levels - 1e-3)
    table = np.zeros((levels + 1, directions), np.float32)
    np.maximum.at(table, (level.astype(int), turn.astype(int) % directions), radius)
    for row in range(1, levels + 1):
        table[row] = np.maximum(table[row], table[row - 1] * 0.997)
    table = (np.roll(table, 1, 1) + 2 * table + np.roll(table, -1, 1)) / 4
    first = np.floor(turn - 0.5).astype(int)
    share = turn - 0.5 - first
    row = level.astype(int)
    wide = table[row, first % directions] * (1 - share) + table[row, (first + 1) % directions] * share
    return np.maximum(wide, radius)


def creases(figure: Figure, depth: float, hang: float, rng: np.random.Generator) -> np.ndarray:
    """Return (G,) metres along the normals of the fine tights: folds where joints bend and where loose cloth hangs.

    Args:
        depth: of folds at joints.
        hang: depth of hanging folds.
    """
    surface, marks = figure.surface, figure.marks
    fields, x, z = surface.fields, surface.template[:, 0], surface.template[:, 2]
    arm, leg = fields.is_arm > 0, fields.is_leg > 0
    elbow = 0.5 * marks.arm_length
    at_arm = 1.0 * _bump(fields.along_arm, elbow, 0.06) + 0.7 * _bump(fields.along_arm, marks.arm_length - 0.03, 0.05)
    at_leg = 0.9 * _bump(z, marks.knee, 0.08) + 1.0 * _bump(z, marks.ankle + 0.03, 0.07)
    at_leg = at_leg + 0.5 * _bump(z, marks.hip - 0.12, 0.06)
    at_trunk = 1.0 * _bump(z, marks.hip + 0.13, 0.07) + 0.8 * _bump(z, marks.hip - 0.02, 0.05)
    at_trunk = at_trunk + 0.9 * _bump(np.hypot(np.abs(x) - 0.15, z - marks.neck + 0.13), 0, 0.06)
    joint = np.where(arm, at_arm, np.where(leg, at_leg, at_trunk))
    lengthwise = np.where(arm, fields.along_arm, z)
    across = np.arctan2(fields.angle[:, 1], fields.angle[:, 0]) * np.where(arm | leg, 0.06, 0.14)
    rings = _ridges(np.stack([across * 7, lengthwise * 20, 5 * x], 1), rng)
    lines = _ridges(np.stack([across * 16, lengthwise * 3, 3 * x], 1), rng)
    low = np.where(arm, 0.5, np.clip((marks.neck - 0.12 - z) / 0.25, 0, 1))
    return (depth * joint * rings + hang * low * lines).astype(np.float32)


def _bump(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((values - centre) / width) ** 2)


def _ridges(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) about -0.5 to 1: rounded crests across the steepest axis of `places`, one cycle per unit."""
    total = np.zeros(len(places))
    for _ in range(5):
        direction = rng.normal(1, 0.45, places.shape[1]) * rng.choice([-1, 1], places.shape[1])
        total += np.sin(2 * np.pi * (places @ direction) + rng.uniform(0, 6.3))
    return 1 - np.abs(total) * 0.6
