"""Appearance of a person's samples before lighting: colour, label and normal.

Labels depend only on the mesh, so that other fabrics give the same label map.
"""

from typing import NamedTuple

import numpy as np

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.parts import Cloth, Eye, Hair, Landmarks, Layer, Skin
from ifd_zoo.synthetic.pictures.faces import CHIN_BELOW_EYE, modelled, painted
from ifd_zoo.synthetic.pictures.noise import shared_noise
from ifd_zoo.synthetic.pictures.wrinkles import shared_wrinkles

DECAL_SIDE = 0.26
HAIR_GLOSS = 0.1
"""Much less than that of a single strand: in photos of this size, highlights are faint."""
SKULL = np.float32(0.095)
"""Metres from the middle of the head to the strands that lie on it."""
TEXTURE_REPEATS = 1.7
"""Number of times that a fabric's texture repeats per metre of height."""


class Samples(NamedTuple):
    """The N samples that show one layer."""

    corners: np.ndarray
    """(3, N) geometry vertices"""
    weights: np.ndarray
    """(3, N) float32"""
    normal: np.ndarray
    """(N, 3) unit, towards the camera"""
    uv: np.ndarray
    """(3, N) render vertices"""

    def mixed(self, values: np.ndarray) -> np.ndarray:
        """Interpolate values of the geometry vertices, (G,) or (G, C), at the samples."""
        return blend(values, self.corners, self.weights)


class Look(NamedTuple):
    colour: np.ndarray
    """(N, 3) float32 sRGB 0 to 1"""
    label: np.ndarray
    """(N,) uint8"""
    normal: np.ndarray
    """(N, 3) unit"""
    gloss: np.ndarray | float
    """Strength of the highlight."""
    strand: np.ndarray | None = None
    """(N, 3) unit direction of hair strands, which the highlight lies across."""
    softness: float = 0.0
    """How far light wraps around to the shadow side, 0 to 1."""
    reached: np.ndarray | None = None
    """(N,) share of all light that reaches the surface, if its own relief blocks some."""


def blend(values: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Interpolate values of vertices, (V,) or (V, C), with (3, N) weights of (3, N) corners."""
    weights = weights if values.ndim == 1 else weights[..., None]
    total = values[corners[0]] * weights[0]
    for index in (1, 2):
        total += values[corners[index]] * weights[index]
    return total


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt(np.einsum('ij,ij->i', vectors, vectors)), 1e-8)[:, None]


class Materials:
    """Painter of layers.

    Args:
        landmarks: of the template body.
        face_masks: (H, W, 4) uint8 masks of face, lips, ears, eyelids, in the skin's texture coordinates.
        modelling: strength of shading on faces, 0 to 1.
    """

    def __init__(self, landmarks: Landmarks, face_masks: np.ndarray, modelling: float) -> None:
        self._landmarks, self._modelling = landmarks, modelling
        self._masks = face_masks
        self._noise = shared_noise()
        self._wrinkles = shared_wrinkles()

    def look(self, layer: Layer, samples: Samples) -> Look:
        """Return the look of a layer's samples; raises TypeError for an unknown material."""
        match layer.material:
            case Cloth():
                return self._cloth(layer, layer.material, samples)
            case Skin():
                return self._skin(layer, layer.material, samples)
            case Eye():
                return self._eye(layer, layer.material, samples)
            case Hair():
                return self._hair(layer, layer.material, samples)
        raise TypeError(f'{type(layer.material).__name__} is not a material that can be painted')

    def _cloth(self, layer: Layer, cloth: Cloth, samples: Samples) -> Look:
        fields = layer.surface.fields
        template = samples.mixed(layer.surface.template)
        angle = samples.mixed(fields.angle)
        around = np.arctan2(angle[:, 1], angle[:, 0]) / np.float32(2 * np.pi)
        height = samples.mixed(fields.height)
        colour = sample_tiling(cloth.texture, around * cloth.around, height * TEXTURE_REPEATS)
        front = (template[:, 1] < 0) & (samples.mixed(fields.is_arm) < 0.5)
        if cloth.decal is not None:
            self._print_decal(colour, cloth.decal, template, front)
        if cloth.placket:
            colour[front & (np.abs(template[:, 0]) < 0.005)] *= 0.55
        if cloth.sole is not None:
            colour[template[:, 2] < self._landmarks.floor + 0.018] = cloth.sole
        bend, shade = self._wrinkles.at(around, height, layer.seed)
        normal = self._wrinkles.bent(samples.normal, bend * np.float32(cloth.folds / 0.022))
        colour *= (1 + (shade * np.float32(min(cloth.folds / 0.022, 1.5))))[:, None]
        return Look(colour, self._constant(layer, samples), normal, cloth.gloss)

    def _print_decal(self, colour: np.ndarray, decal: np.ndarray, template: np.ndarray, front: np.ndarray) -> None:
        centre = np.array([0, self._landmarks.neck - 0.2], np.float32)
        place = (template[:, [0, 2]] - centre) / np.float32(DECAL_SIDE) + np.float32(0.5)
        there = np.flatnonzero(front & (template[:, 1] < -0.03) & (place > 0).all(1) & (place < 1).all(1))
        rows = ((1 - place[there, 1]) * decal.shape[0]).astype(int).clip(0, decal.shape[0] - 1)
        columns = (place[there, 0] * decal.shape[1]).astype(int).clip(0, decal.shape[1] - 1)
        ink = decal[rows, columns].astype(np.float32) / 255
        colour[there] += (ink[:, :3] - colour[there]) * ink[:, 3:]

    def _skin(self, layer: Layer, skin: Skin, samples: Samples) -> Look:
        template = samples.mixed(layer.surface.template)
        uv = blend(layer.surface.uv, samples.uv, samples.weights)
        mottled = 0.94 + 0.12 * self._noise(template * 40 + np.float32(layer.seed))
        colour = np.asarray(skin.colour, np.float32) * mottled[:, None]
        label = self._skin_labels(layer, samples, template)
        face = np.flatnonzero(label == LABELS.index('face'))
        if len(face):
            masks = sample_tiling(self._masks, uv[face, 0], uv[face, 1])
            colour[face] = painted(colour[face], skin, template[face], masks, self._landmarks)
        reached, gloss = modelled(samples.mixed(layer.relief), template, self._landmarks, self._modelling)
        return Look(colour, label, samples.normal, gloss, softness=0.35, reached=reached)

    def _skin_labels(self, layer: Layer, samples: Samples, template: np.ndarray) -> np.ndarray:
        fields = layer.surface.fields
        head = samples.mixed(fields.head) > 0.5
        names = (
            (head & (template[:, 2] >= self._landmarks.eye[2] - CHIN_BELOW_EYE), 'face'),
            (head, 'neck'),
            (samples.mixed(fields.is_arm) > 0.5, 'arms'),
            (samples.mixed(fields.leg) > 0.5, 'legs'),
        )
        chosen = np.select(
            [place for place, _ in names], [LABELS.index(name) for _, name in names], LABELS.index('neck')
        )
        return chosen.astype(np.uint8)

    def _eye(self, layer: Layer, eye: Eye, samples: Samples) -> Look:
        template = samples.mixed(layer.surface.template)
        centre = self._landmarks.eye
        radius = np.hypot(np.abs(template[:, 0]) - centre[0], template[:, 2] - centre[2])
        iris = (template[:, 1] < centre[1] - 0.008) & (radius < 0.0062)
        colour = np.where(iris[:, None], np.array(eye.iris, np.float32), np.array([0.72, 0.7, 0.68], np.float32))
        return Look(colour, self._constant(layer, samples), samples.normal, 0.5)

    def _hair(self, layer: Layer, hair: Hair, samples: Samples) -> Look:
        around, along = strands_of(samples.mixed(layer.surface.template), hair)
        strands = self._noise(np.column_stack([around * 150, along * 9]) + np.float32(layer.seed))
        locks = self._noise(np.column_stack([around * 42, along * 5]) + np.float32(layer.seed + 7))
        # Curly locks that differ as much as straight ones would look like stripes.
        streaks = 0.75 * strands + 1.0 * locks - np.float32(0.4 * hair.curl) * (locks - 0.5)
        colour = np.asarray(hair.colour, np.float32) * streaks[:, None]
        down = np.array([0, 0, -1], np.float32)
        strand = unit(down - (samples.normal @ down)[:, None] * samples.normal)
        across = np.cross(samples.normal, strand)
        bend = (strands - 0.5) + (locks - 0.5)
        normal = unit(samples.normal + across * (0.7 * bend)[:, None])
        strand = unit(strand + across * (0.5 * (strands - locks))[:, None])
        return Look(colour, self._constant(layer, samples), normal, HAIR_GLOSS, strand=strand, softness=0.25)

    @staticmethod
    def _constant(layer: Layer, samples: Samples) -> np.ndarray:
        return np.full(samples.corners.shape[1], layer.label, np.uint8)


def strands_of(template: np.ndarray, hair: Hair) -> tuple[np.ndarray, np.ndarray]:
    """Return positions across the strands of hair, (N, 2), and along them from the crown, (N,), in metres.

    The position across is a point on a circle around the middle of the skull, so that there is no seam.
    """
    x, y, z = (template - hair.centre).T
    level = np.maximum(np.hypot(x, y), 1e-4)
    along = np.where(z > 0, SKULL * np.arctan2(level, z), SKULL * np.float32(np.pi / 2) - z)
    swing = np.float32(0.13 * hair.curl) * np.sin(55 * along + 3 * x / level)
    turn = np.arctan2(y, x) + swing
    return (SKULL * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.float32), along.astype(np.float32)


def sample_tiling(texture: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Sample a uint8 texture that repeats every unit, bilinearly, to (N, C) float32 0 to 1; its rows count upwards."""
    height, width = texture.shape[:2]
    column, row = across * width - 0.5, up * height - 0.5
    left, low = np.floor(column), np.floor(row)
    share = (column - left).astype(np.float32)[:, None], (row - low).astype(np.float32)[:, None]
    columns = left.astype(np.int32) % width, (left.astype(np.int32) + 1) % width
    rows = (low.astype(np.int32) % height) * width, ((low.astype(np.int32) + 1) % height) * width
    flat = texture.reshape(height * width, -1)
    below = flat[rows[0] + columns[0]] * (1 - share[0]) + flat[rows[0] + columns[1]] * share[0]
    above = flat[rows[1] + columns[0]] * (1 - share[0]) + flat[rows[1] + columns[1]] * share[0]
    return (below + (above - below) * share[1]) * np.float32(1 / 255)


def decode(colour: np.ndarray) -> np.ndarray:
    """Convert sRGB 0 to 1 to linear light, with a gamma of 2.2."""
    return _TO_LINEAR[np.clip(colour * np.float32(1023) + np.float32(0.5), 0, 1023).astype(np.uint16)]


def encode_light(light: np.ndarray) -> np.ndarray:
    """Convert linear light to uint8 sRGB."""
    return _TO_BYTE[
        np.clip(np.sqrt(np.maximum(light, 0)) * np.float32(2047) + np.float32(0.5), 0, 2047).astype(np.uint16)
    ]


_TO_LINEAR = (np.arange(1024, dtype=np.float32) / 1023) ** np.float32(2.2)
_TO_BYTE = np.rint(255 * (np.arange(2048) / 2047) ** (2 / 2.2)).astype(np.uint8)
