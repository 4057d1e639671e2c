"""Conversion of poses to the bone transforms of one person."""

import numpy as np

from ifd_zoo.synthetic.bodies.body import Skeleton
from ifd_zoo.synthetic.bodies.limbs import Limb, X, Y, Z, hinge_of, reach, turn
from ifd_zoo.synthetic.bodies.pose import SIDES, Pose

FORWARD = -Y
STRAIGHT = 0.997
"""Distance from hip to ankle of a straight leg, as a share of the leg's length."""


def heel_angle(heel: float) -> float:
    """Return the degrees by which a heel of this height in metres tilts the foot."""
    return float(np.rad2deg(np.arcsin(min(heel / 0.13, 0.9))))


class Posing:
    """Converter of poses to the bone transforms of one person.

    Args:
        joints: (B, 3) of the person at rest.
    """

    def __init__(self, skeleton: Skeleton, joints: np.ndarray) -> None:
        self._skeleton = skeleton
        self._joints = joints
        self._arms = {side: self._limb('upperarm01', 'lowerarm01', 'wrist', side) for side, _ in SIDES}
        self._legs = {side: self._limb('upperleg01', 'lowerleg01', 'foot', side) for side, _ in SIDES}
        self._fingers = {side: self._finger_axes(side) for side, _ in SIDES}

    @property
    def leg(self) -> Limb:
        """Left leg at rest."""
        return self._legs['L']

    def transforms(self, pose: Pose, heel: float) -> np.ndarray:
        """Return (B + 4, 3, 4) from rest to the world; the last 4 hang upright from both hands and both forearms."""
        joints, index = self._joints, self._skeleton.index
        rotations = {'root': pose.pelvis, 'spine04': pose.chest, 'head': pose.head}
        shift = pose.shift + Z * self._lift(pose, heel)
        root, spine = joints[index['root']], joints[index['spine04']]
        trunk = pose.pelvis @ pose.chest
        for side, _ in SIDES:
            arm, leg = self._arms[side], self._legs[side]
            shoulder = root + shift + pose.pelvis @ (spine - root + pose.chest @ (arm.start - spine))
            self._pose_arm(rotations, pose, side, shoulder, trunk)
            hip = root + shift + pose.pelvis @ (leg.start - root)
            self._pose_leg(rotations, pose, side, hip, heel)
        world = self._skeleton.transforms(joints, rotations, shift)
        return np.concatenate([world, self._hanging(world)])

    def _lift(self, pose: Pose, heel: float) -> float:
        """Height of the body: as high as both legs can reach the ground."""
        root = self._joints[self._skeleton.index['root']]
        lifts = []
        for side, leg in self._legs.items():
            length = np.linalg.norm(leg.middle - leg.start) + np.linalg.norm(leg.end - leg.middle)
            hip = root + pose.shift * [1, 1, 0] + pose.pelvis @ (leg.start - root)
            gap = pose.ankles[side] + [0, 0, heel] - hip
            lifts.append(gap[2] + np.sqrt(max((STRAIGHT * length) ** 2 - gap[0] ** 2 - gap[1] ** 2, 0)))
        return float(min(lifts))

    def _pose_arm(self, rotations: dict, pose: Pose, side: str, shoulder: np.ndarray, trunk: np.ndarray) -> None:
        arm = self._arms[side]
        length = np.linalg.norm(arm.middle - arm.start) + np.linalg.norm(arm.end - arm.middle)
        target = shoulder + trunk @ (pose.wrists[side] * length)
        hinge = hinge_of(arm, arm.end - arm.middle)
        upper, lower = reach(arm, shoulder, target, trunk @ pose.elbows[side], hinge)
        rotations[f'upperarm01.{side}'] = trunk.T @ upper
        rotations[f'lowerarm01.{side}'] = upper.T @ lower
        for bone, (axis, degrees) in self._fingers[side].items():
            rotations[bone] = turn(axis, degrees * pose.curl)

    def _pose_leg(self, rotations: dict, pose: Pose, side: str, hip: np.ndarray, heel: float) -> None:
        leg = self._legs[side]
        sign = dict(SIDES)[side]
        out, tip = pose.feet[side]
        raised = heel_angle(heel)
        target = pose.ankles[side] + np.array([0, 0, heel], np.float32)
        toes = turn(Z, sign * out)
        upper, lower = reach(leg, hip, target, toes @ (FORWARD - 0.1 * sign * X), hinge_of(leg, -FORWARD))
        rotations[f'upperleg01.{side}'] = pose.pelvis.T @ upper
        rotations[f'lowerleg01.{side}'] = upper.T @ lower
        # At rest the feet already point outwards.
        foot = toes @ turn(X, tip + raised) @ turn(Z, -sign * 8)
        rotations[f'foot.{side}'] = lower.T @ foot
        bend = turn(X, -(raised + max(0.0, tip) * 0.8))
        for toe in range(1, 6):
            rotations[f'toe{toe}-1.{side}'] = bend

    def _hanging(self, world: np.ndarray) -> np.ndarray:
        """(4, 3, 4) translations from the origin to the grip of each hand and the middle of each forearm."""
        index, joints = self._skeleton.index, self._joints
        places = []
        for side, _ in SIDES:
            bone, tip = index[f'finger3-1.{side}'], index[f'finger3-2.{side}']
            middle = (joints[bone] + 2 * joints[tip]) / 3
            places.append(world[bone, :, :3] @ middle + world[bone, :, 3])
        for side, _ in SIDES:
            bone = index[f'lowerarm01.{side}']
            middle = 0.55 * joints[bone] + 0.45 * joints[index[f'wrist.{side}']]
            places.append(world[bone, :, :3] @ middle + world[bone, :, 3])
        hanging = np.zeros((4, 3, 4), np.float32)
        hanging[:, :, :3] = np.eye(3)
        hanging[:, :, 3] = places
        return hanging

    def _limb(self, start: str, middle: str, end: str, side: str) -> Limb:
        index = self._skeleton.index
        return Limb(*(self._joints[index[f'{name}.{side}']] for name in (start, middle, end)))

    def _finger_axes(self, side: str) -> dict[str, tuple[np.ndarray, float]]:
        """Axis about which each finger bone curls, and the degrees in a relaxed hand."""
        index, joints = self._skeleton.index, self._joints
        knuckles = joints[index[f'finger5-1.{side}']] - joints[index[f'finger2-1.{side}']]
        sign = dict(SIDES)[side]
        axis = sign * knuckles / np.linalg.norm(knuckles)
        axes = {}
        for finger in range(2, 6):
            for bone, degrees in ((1, 16 + 5 * finger), (2, 28), (3, 18)):
                axes[f'finger{finger}-{bone}.{side}'] = (axis, float(degrees))
        return axes
