"""Small people of balls and pipes, for tests of what draws people."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.parts import Cloth, Fields, Hair, Landmarks, Layer, Material, PosedLayer, Skin, Surface

LANDMARKS = Landmarks(0.9, 0.5, 0.08, 0.0, 1.45, 0.0, 1.72, np.array([0.03, -0.09, 1.6]), 0.55, 0.8)


class Mannequin(NamedTuple):
    layers: tuple[Layer, ...]

    def posed(self, rng: np.random.Generator) -> list[PosedLayer]:
        lean = rng.normal(0, 0.02)
        return [
            PosedLayer(layer, layer.vertices + [lean, 0, 0] * layer.vertices[:, 2:], _normals(layer))
            for layer in self.layers
        ]


class Crowd(NamedTuple):
    """What a studio knows of people."""

    landmarks: Landmarks = LANDMARKS
    face_masks: np.ndarray = np.full((8, 8, 4), 60, np.uint8)


def mannequin(height: float = 1.72, width: float = 1.0, colour: int = 180) -> Mannequin:
    """A person with a head, hair, a trunk in a shirt, and a pipe of trousers down to the ground."""
    cloth = np.full((16, 16, 3), colour, np.uint8)
    cloth[:4] = 255 - colour
    skin = Skin(np.array([0.8, 0.6, 0.5], np.float32), np.array([0.2, 0.1, 0.1], np.float32), beard=0.5, glasses=True)
    hair = Hair(np.array([0.2, 0.15, 0.1], np.float32), np.array([0, 0, 1.62], np.float32))
    parts = (
        (np.array([0.2 * width, 0.14, 0.3]), 1.18, 'upper', Cloth(cloth, decal=np.full((8, 8, 4), 90, np.uint8))),
        (np.array([0.15 * width, 0.13, 0.47]), 0.47, 'lower', Cloth(255 - cloth)),
        (np.array([0.08, 0.1, 0.12]), 1.57, 'face', skin),
        (np.array([0.085, 0.1, 0.08]), 1.64, 'hair', hair),
    )
    layers = [
        _ball(reach, middle, label, material, float(i)) for i, (reach, middle, label, material) in enumerate(parts)
    ]
    scale = np.array([1, 1, height / 1.72], np.float32)
    return Mannequin(tuple(_scaled(layer, scale) for layer in layers))


def _ball(reach: np.ndarray, middle: float, label: str, material: Material, seed: float) -> Layer:
    around, down = np.meshgrid(np.linspace(0, 2 * np.pi, 19), np.linspace(0, np.pi, 13))
    directions = np.stack([np.sin(around) * np.sin(down), -np.cos(around) * np.sin(down), np.cos(down)], -1)
    directions = directions.reshape(-1, 3).astype(np.float32)
    vertices = (directions * reach + [0, 0, middle]).astype(np.float32)
    corner = (np.arange(12)[:, None] * 19 + np.arange(18)).ravel()
    quads = np.stack([corner, corner + 19, corner + 20, corner + 1], 1)
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32)
    zero = np.zeros(len(vertices), np.float32)
    head = zero + (label in ('face', 'hair'))
    angle = np.stack([-directions[:, 1], directions[:, 0]], 1)
    fields = Fields(zero, zero, head, zero, zero, zero, zero, zero, angle, vertices[:, 2], zero)
    uv = np.stack([around.ravel() / 6.2832, down.ravel() / np.pi], 1).astype(np.float32)
    bones, weights = np.zeros((len(vertices), 1), np.int32), np.ones((len(vertices), 1), np.float32)
    surface = Surface(triangles, uv, np.arange(len(vertices)), vertices, fields, bones, weights)
    cover = np.ones(len(vertices), np.float32)
    if label == 'hair':
        cover = vertices[:, 2] - np.float32(middle) + 0.01
    relief = np.stack([0.01 * np.sin(6 * around.ravel())] * 2, 1).astype(np.float32)
    return Layer(surface, vertices, cover, LABELS.index(label), material, seed, relief)


def _scaled(layer: Layer, scale: np.ndarray) -> Layer:
    return replace(layer, vertices=layer.vertices * scale)


def _normals(layer: Layer) -> np.ndarray:
    outwards = layer.vertices - layer.vertices.mean(0)
    return outwards / np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-6)
