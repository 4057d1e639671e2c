"""Template body: its skeleton, its parts and its per-vertex attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ifd_zoo.synthetic.bodies.assets import Assets
from ifd_zoo.synthetic.bodies.mesh import Refinement, Shell, refined, shell_of, strongest, unit
from ifd_zoo.synthetic.parts import Fields, Landmarks

ARM = ('upperarm', 'lowerarm', 'wrist', 'finger', 'metacarpal')
LEG = ('upperleg', 'lowerleg', 'foot', 'toe')
TRUNK = ('spine', 'clavicle', 'shoulder', 'breast', 'root', 'pelvis')
AXIS_DEPTH = -0.03
"""y of the trunk axis that textures wrap around."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    names: tuple[str, ...]
    """Parents come before their children."""
    parents: tuple[int, ...]
    cubes: tuple[np.ndarray, ...]
    """Vertices whose mean is the first joint of each bone."""

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def joints(self, vertices: np.ndarray) -> np.ndarray:
        """Return the (B, 3) first joints of the bones of a body at rest."""
        return np.stack([vertices[cube].mean(0) for cube in self.cubes])

    def transforms(
        self, joints: np.ndarray, rotations: Mapping[str, np.ndarray], shift: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the (B, 3, 4) bone transforms from rest to the pose.

        Args:
            joints: (B, 3) at rest
            rotations: of bones about their first joints, in world axes at rest
            shift: (3,) of the whole body
        """
        world = np.zeros((len(self.names), 3, 4), np.float32)
        for bone, (name, parent) in enumerate(zip(self.names, self.parents, strict=True)):
            rotation = rotations.get(name)
            if parent < 0:
                world[bone, :, :3] = np.eye(3) if rotation is None else rotation
                world[bone, :, 3] = joints[bone] - world[bone, :, :3] @ joints[bone]
                world[bone, :, 3] += 0 if shift is None else shift
            elif rotation is None:
                world[bone] = world[parent]
            else:
                world[bone, :, :3] = world[parent, :, :3] @ rotation
                offset = joints[bone] - rotation @ joints[bone]
                world[bone, :, 3] = world[parent, :, :3] @ offset + world[parent, :, 3]
        return world


def skinned(vertices: np.ndarray, world: np.ndarray, bones: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the (G, 3) vertices, moved by their (G, K) bones."""
    rows = world.reshape(len(world), 12)
    blend = rows[bones[:, 0]] * weights[:, :1]
    for k in range(1, bones.shape[1]):
        blend += rows[bones[:, k]] * weights[:, k : k + 1]
    blend = blend.reshape(-1, 3, 4)
    return np.einsum('nij,nj->ni', blend[:, :, :3], vertices) + blend[:, :, 3]


class Body:
    """The template body and its parts; tights and skirt are MakeHuman's helper meshes, `fine_` ones are subdivided."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.positions = assets.positions
        self.target_index = {name: number for number, name in enumerate(assets.target_names)}
        self.skeleton = _skeleton(assets)
        self.joints = self.skeleton.joints(self.positions)
        weights = _weights(assets, self.skeleton)
        self.weights = strongest(weights)
        self.fields = _fields(self, weights)
        self.landmarks = _landmarks(self)
        self.skin = self._part(weights, 'body')
        self.eyes = self._part(weights, 'helper-l-eye', 'helper-r-eye')
        self.tights = self._part(weights, 'helper-tights')
        self.fine_tights = self._refined(weights, 'helper-tights')
        self.skirt = self._part(weights, 'helper-skirt')
        self.fine_skirt = self._refined(weights, 'helper-skirt')

    def joint(self, name: str, joints: np.ndarray | None = None) -> np.ndarray:
        """Return the (3,) first joint of a bone, from `joints` or else the template."""
        return (self.joints if joints is None else joints)[self.skeleton.index[name]]

    def shape(self, weights: Mapping[str, float]) -> np.ndarray:
        """Return the (V, 3) vertices at rest for a weighted sum of targets."""
        vertices = self.positions.copy()
        for name, weight in weights.items():
            vertices += np.float32(weight) * self.assets.targets[self.target_index[name]]
        return vertices

    def _part(self, weights: np.ndarray, *groups: str) -> Shell:
        chosen = np.isin(self.assets.quad_groups, groups)
        quads, quad_uvs = self.assets.quads[chosen], self.assets.quad_uvs[chosen]
        return shell_of(quads, quad_uvs, self.assets.uvs, self.positions, self.fields, weights)

    def _refined(self, weights: np.ndarray, group: str) -> Refinement:
        quads = self.assets.quads[self.assets.quad_groups == group]
        return refined(quads, self.positions, self.fields, weights)


def _skeleton(assets: Assets) -> Skeleton:
    rig, names = assets.rig, []

    def visit(bone: str) -> None:
        names.append(bone)
        for child in sorted(name for name in rig if rig[name]['parent'] == bone):
            visit(child)

    for root in (name for name in rig if not rig[name]['parent']):
        visit(root)
    index = {name: number for number, name in enumerate(names)}
    parents = tuple(index[rig[name]['parent']] if rig[name]['parent'] else -1 for name in names)
    return Skeleton(tuple(names), parents, tuple(_cube(rig[name]['head'], assets) for name in names))


def _cube(head: Mapping, assets: Assets) -> np.ndarray:
    if head['strategy'] == 'CUBE':
        return assets.vertex_groups[head['cube_name']]
    return np.array(head['vertex_indices'] if head['strategy'] == 'MEAN' else [head['vertex_index']])


def _weights(assets: Assets, skeleton: Skeleton) -> np.ndarray:
    weights = np.zeros((len(assets.positions), len(skeleton.names)), np.float32)
    for bone, rows in assets.weights.items():
        if bone in skeleton.index and rows:
            table = np.array(rows)
            weights[table[:, 0].astype(int), skeleton.index[bone]] = table[:, 1]
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)


def _fields(body: Body, weights: np.ndarray) -> Fields:
    def total(starts: tuple[str, ...]) -> np.ndarray:
        return weights[:, [number for name, number in body.skeleton.index.items() if name.startswith(starts)]].sum(1)

    positions = body.positions
    arm, leg, neck = total(ARM), total(LEG), total(('neck',))
    is_left = positions[:, 0] >= 0
    along_arm, around_arm = _along(body, is_left, ('upperarm01', 'lowerarm01', 'wrist'))
    along_leg, around_leg = _along(body, is_left, ('upperleg01', 'lowerleg01', 'foot'))
    is_arm = arm > 0.5
    is_leg = (leg > 0.5) & (positions[:, 2] < body.joint('upperleg01.L')[2] - 0.09)
    angle = np.stack([AXIS_DEPTH - positions[:, 1], positions[:, 0]], 1)
    angle[is_arm] = np.stack([-around_arm[is_arm, 1], around_arm[is_arm, 2]], 1)
    angle[is_leg] = np.stack([-around_leg[is_leg, 1], around_leg[is_leg, 0]], 1)
    return Fields(
        arm=arm,
        leg=leg,
        head=np.clip(1 - arm - leg - neck - total(TRUNK), 0, 1),
        neck=neck,
        is_arm=is_arm.astype(np.float32),
        is_leg=is_leg.astype(np.float32),
        along_arm=along_arm,
        along_leg=along_leg,
        angle=unit(angle),
        height=np.where(is_arm, 0.5 - along_arm, positions[:, 2]).astype(np.float32),
        is_left=is_left.astype(np.float32),
    )


def _along(body: Body, is_left: np.ndarray, bones: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(V,) metres along the limb on the vertex's side, and (V, 3) offset from its axis."""
    along = np.zeros(len(body.positions), np.float32)
    offset = np.zeros((len(body.positions), 3), np.float32)
    for side, chosen in (('L', is_left), ('R', ~is_left)):
        chain = np.stack([body.joint(f'{bone}.{side}') for bone in bones])
        along[chosen], offset[chosen] = _project(chain, body.positions[chosen])
    return along, offset


def _project(chain: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project points onto a chain of segments that extends straight beyond both ends."""
    lengths = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    candidates = []
    for number, length in enumerate(lengths):
        direction = (chain[number + 1] - chain[number]) / length
        low = 0 if number else -np.inf
        high = length if number < len(lengths) - 1 else np.inf
        place = np.clip((points - chain[number]) @ direction, low, high)
        candidates.append((place + lengths[:number].sum(), points - chain[number] - place[:, None] * direction))
    along = np.stack([place for place, _ in candidates])
    offset = np.stack([gap for _, gap in candidates])
    nearest = np.linalg.norm(offset, axis=-1).argmin(0)
    rows = np.arange(len(points))
    return along[nearest, rows], offset[nearest, rows]


def _landmarks(body: Body) -> Landmarks:
    joint = body.joint
    skin = body.positions[body.assets.vertex_groups['body']]
    upper_arm = np.linalg.norm(joint('upperarm01.L') - joint('lowerarm01.L'))
    return Landmarks(
        hip=float(joint('upperleg01.L')[2]),
        knee=float(joint('lowerleg01.L')[2]),
        ankle=float(joint('foot.L')[2]),
        floor=float(skin[:, 2].min()),
        neck=float(joint('neck01')[2]),
        neck_depth=float(joint('neck01')[1] - 0.005),
        crown=float(skin[:, 2].max()),
        eye=joint('eye.L'),
        arm_length=float(upper_arm + np.linalg.norm(joint('wrist.L') - joint('lowerarm01.L'))),
        leg_length=float(joint('upperleg01.L')[2] - joint('foot.L')[2]),
    )
