"""Walking and standing poses."""

from dataclasses import dataclass, field

import numpy as np

from ifd_zoo.synthetic.bodies.identity import Identity
from ifd_zoo.synthetic.bodies.limbs import Limb, X, Y, Z, turn

SIDES = (('L', 1.0), ('R', -1.0))


@dataclass
class Pose:
    """A pose, in degrees and metres and world coordinates; dictionaries are keyed by side, L and R."""

    pelvis: np.ndarray = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))
    chest: np.ndarray = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    """Rotation of the chest relative to the pelvis"""
    head: np.ndarray = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    ankles: dict[str, np.ndarray] = field(default_factory=dict)
    """Positions of the ankles"""
    feet: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Degrees that the foot turns outwards and that its toes point down"""
    wrists: dict[str, np.ndarray] = field(default_factory=dict)
    """Positions from the shoulder, in the axes of the chest, as shares of the arm's length"""
    elbows: dict[str, np.ndarray] = field(default_factory=dict)
    """Directions in which the elbows point, in the axes of the chest"""
    curl: float = 1.0


@dataclass(frozen=True)
class Wants:
    """Constraints of an outfit on the pose."""

    stride: float = 1.0
    heel: float = 0.0
    """Metres"""
    carries: str = ''
    """Where a bag is held: hand, forearm, or '' for neither"""
    side: str = 'L'


def draw_pose(identity: Identity, leg: Limb, wants: Wants, rng: np.random.Generator) -> Pose:
    """Draw a walking or standing pose, shaped by the habits in `identity.gait`.

    Args:
        leg: the left leg at rest.
    """
    walking = rng.random() < 0.5
    pose = _walk(identity, leg, wants, rng) if walking else _stand(identity, leg, wants, rng)
    looks = rng.random() < 0.3
    yaw, nod = rng.normal(0, 30 if looks else 9), rng.normal(2, 6 if looks else 4)
    pose.head = turn(Z, float(np.clip(yaw, -55, 55))) @ turn(X, nod) @ turn(Y, rng.normal(0, 3))
    pose.curl = float(rng.uniform(0.6, 1.4))
    if not walking or rng.random() < 0.25:
        _occupy_arms(pose, rng)
    if wants.carries:
        _carry(pose, wants, rng)
    return pose


def _walk(identity: Identity, leg: Limb, wants: Wants, rng: np.random.Generator) -> Pose:
    """Draw one moment of a walking cycle."""
    gait, pose, (hip, _, ankle) = identity.gait, Pose(), leg
    phase = rng.uniform(0, 2 * np.pi)
    pace = float(np.clip(rng.normal(0.85, 0.28), 0.15, 1.25)) * wants.stride
    length = float(np.linalg.norm(hip - ankle))
    swing = np.deg2rad(21 + 3 * gait[0]) * pace
    narrow = 0.55 + 0.12 * gait[5]
    lift = (0.13 + 0.025 * gait[1]) * pace
    for (side, sign), at in zip(SIDES, (phase, phase + np.pi), strict=True):
        thigh = swing * np.cos(at)
        flying = max(0.0, float(np.sin(at - np.pi)))
        forward = length * np.sin(thigh) * (1.15 if thigh > 0 else 1.0)
        tip = -18 * max(0.0, float(np.cos(at))) * pace + 42 * max(0.0, -float(np.cos(at))) * pace
        pose.feet[side] = (6 + 3 * gait[6], tip)
        height = ankle[2] + max(lift * flying**1.5, (0.13 if tip > 0 else -0.04) * np.sin(np.deg2rad(tip)))
        pose.ankles[side] = np.array([sign * hip[0] * narrow, ankle[1] - forward, height], np.float32)
        ahead = np.deg2rad(19 + 7 * gait[2]) * pace * -np.cos(at)
        _hang_arm(pose, side, sign, ahead, gait)
    pose.shift = np.array([0.015 * np.sin(phase), 0, -0.008 * pace], np.float32)
    turned = 5 * pace * np.cos(phase)
    pose.pelvis = turn(Z, -turned * 0.7) @ turn(Y, 2.0 * pace * np.sin(phase))
    pose.chest = turn(Z, turned * 1.6) @ turn(X, 1.5 + gait[7]) @ turn(Y, -2.0 * pace * np.sin(phase))
    return pose


def _hang_arm(pose: Pose, side: str, sign: float, ahead: float, gait: np.ndarray) -> None:
    """Let an arm hang at the side, swung `ahead` radians."""
    out = np.deg2rad(10 + 2.5 * gait[4])
    bend = 0.955 - 0.02 * abs(gait[3]) - 0.05 * max(0.0, np.sin(ahead))
    direction = np.array([sign * np.sin(out), -np.sin(ahead + 0.06), -np.cos(out) * np.cos(ahead)])
    pose.wrists[side] = (direction / np.linalg.norm(direction) * bend).astype(np.float32)
    pose.elbows[side] = np.array([sign * 0.45, 1.0, 0.0], np.float32)


def _stand(identity: Identity, leg: Limb, wants: Wants, rng: np.random.Generator) -> Pose:
    gait, pose, (hip, _, ankle) = identity.gait, Pose(), leg
    kind = rng.choice(['plain', 'contrapposto', 'apart', 'crossed', 'step'], p=[0.25, 0.32, 0.14, 0.12, 0.17])
    width = {'apart': rng.uniform(1.2, 1.75), 'crossed': 0.15}.get(kind, rng.uniform(0.5, 0.95)) * min(
        1, wants.stride + 0.2
    )
    bent = SIDES[int(rng.integers(2))][0] if kind in ('contrapposto', 'crossed', 'step') else ''
    for side, sign in SIDES:
        x = sign * hip[0] * width
        y = ankle[1] + rng.normal(0, 0.015)
        tip = 0.0
        if side == bent:
            y -= {
                'contrapposto': rng.uniform(0.02, 0.12),
                'crossed': 0.13,
                'step': rng.uniform(0.15, 0.3) * wants.stride,
            }[kind]
            x = -sign * hip[0] * rng.uniform(0.2, 0.6) if kind == 'crossed' else x * rng.uniform(1.0, 1.35)
            tip = rng.uniform(0, 14) if kind == 'contrapposto' else 0.0
        pose.ankles[side] = np.array([x, y, ankle[2] + 0.13 * np.sin(np.deg2rad(tip))], np.float32)
        pose.feet[side] = (10 + 4 * gait[6] + rng.normal(0, 6) + (12 if side == bent else 0), tip)
        _hang_arm(pose, side, sign, rng.normal(0.02, 0.08), gait)
    lean = {'L': -1.0, 'R': 1.0}.get(bent, 0.0)
    weight = (rng.uniform(0.4, 1.0) if kind != 'step' else 0.3) * lean
    pose.shift = np.array(
        [0.055 * weight, -0.05 if kind == 'step' else 0.0, -0.006 if kind == 'apart' else 0.0], np.float32
    )
    pose.pelvis = turn(Y, 5.5 * weight) @ turn(Z, rng.normal(0, 5))
    pose.chest = turn(Y, -8 * weight) @ turn(Z, rng.normal(0, 6)) @ turn(X, 1.5 + gait[7])
    return pose


ARM_POSES = ('hip', 'pocket', 'phone', 'front', 'behind', 'chest')


def _occupy_arms(pose: Pose, rng: np.random.Generator) -> None:
    """Give one arm or both something to do, some of the time."""
    if rng.random() < 0.45:
        return
    kind = ARM_POSES[rng.choice(len(ARM_POSES), p=(0.3, 0.26, 0.12, 0.14, 0.08, 0.10))]
    both = rng.random() < (0.75 if kind in ('front', 'behind') else 0.3)
    first = int(rng.integers(2))
    for side, sign in SIDES if both else SIDES[first : first + 1]:
        place_hand(pose, side, sign, kind, rng)


def place_hand(pose: Pose, side: str, sign: float, kind: str, rng: np.random.Generator) -> None:
    """Place a hand: on the hip, in a pocket, at a phone, in front, behind, at the chest or to carry on the forearm."""
    wrists = {
        'hip': ((0.12, -0.02, -0.72), (1.0, 0.35, 0.1)),
        'pocket': ((0.08, -0.14, -0.86), (0.8, 0.9, 0.0)),
        'phone': ((-0.12, -0.62, -0.42), (0.45, 0.5, -1.0)),
        'front': ((-0.22, -0.36, -0.74), (1.0, 0.4, -0.1)),
        'behind': ((-0.1, 0.22, -0.82), (1.0, 0.7, 0.0)),
        'chest': ((-0.08, -0.36, -0.12), (0.7, -0.1, -1.0)),
        'forearm': ((-0.02, -0.5, -0.5), (0.35, 0.8, -1.0)),
    }
    place, pole = wrists[kind]
    mirror = np.array([sign, 1, 1], np.float32)
    pose.wrists[side] = np.array(place, np.float32) * mirror + rng.normal(0, 0.025, 3).astype(np.float32)
    pose.elbows[side] = np.array(pole, np.float32) * mirror


def _carry(pose: Pose, wants: Wants, rng: np.random.Generator) -> None:
    sign = dict(SIDES)[wants.side]
    if wants.carries == 'forearm':
        place_hand(pose, wants.side, sign, 'forearm', rng)
    elif wants.carries == 'hand':
        swing = float(rng.normal(0.03, 0.08))
        pose.wrists[wants.side] = np.array([sign * 0.2, -swing, -0.95], np.float32)
        pose.elbows[wants.side] = np.array([sign * 0.5, 1.0, 0.0], np.float32)
