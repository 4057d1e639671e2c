"""Backgrounds: sky, houses, walls, floors and objects, drawn for a person of average size.

Nothing here depends on who is in the image, so that a background reveals nothing about the person.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.camera import Camera
from ifd_zoo.synthetic.pictures.noise import plane_noise
from ifd_zoo.synthetic.scenes import textures, walls
from ifd_zoo.synthetic.scenes.atlas import Atlas
from ifd_zoo.synthetic.scenes.clutter import scatter
from ifd_zoo.synthetic.scenes.palette import as_bytes, mixed, muted
from ifd_zoo.synthetic.scenes.planes import draw_level, draw_upright, lay
from ifd_zoo.synthetic.scenes.scene import Scene
from ifd_zoo.synthetic.streams import stream

NEAREST = 0.4
"""Smallest distance of a wall from the camera, metres."""


class Plate(NamedTuple):
    image: np.ndarray
    """(rows, columns, 3) uint8 on the grid of samples"""
    floor: np.ndarray
    """(rows, columns) bool, True for floor, where shadows fall"""


class Builder:
    """Builder of one background. Its materials depend on the scene; their placement depends on the image.

    Args:
        camera: fitted to a person of average size.
        rng: of the image.
    """

    def __init__(self, scene: Scene, camera: Camera, atlas: Atlas, rng: np.random.Generator) -> None:
        self._scene, self._camera, self._atlas, self._rng = scene, camera, atlas, rng
        self._canvas = np.empty((*camera.size, 3), np.uint8)
        self._floor = np.zeros(camera.size, bool)

    def plain(self) -> Plate:
        """Draw a bare wall behind a bare floor."""
        style = stream(self._scene.style, 'plain')
        wall, floor = muted(style, 0.35, 0.85), muted(style, 0.25, 0.7)
        self._canvas[:] = as_bytes(wall)
        self._level(np.full((8, 8, 3), as_bytes(floor), np.uint8), 2.0)
        self._wall(np.full((8, 8, 3), as_bytes(wall), np.uint8), style.uniform(2, 5), 0.0, (-20, 20), 6)
        return self._lit()

    def rich(self, clutter: float, confusing: bool) -> Plate:
        """Draw a street, a park, a room, a studio backdrop or an abstract texture.

        Args:
            clutter: 0 to 1, amount of objects.
            confusing: add fabrics and patches in the colours of people.
        """
        kind = self._scene.kind
        depth = 6.0
        if kind in ('studio', 'abstract'):
            self._flat(kind)
        else:
            depth = {'street': self._street, 'park': self._park, 'indoor': self._indoor}[kind]()
        if confusing:
            self._hang(min(depth, 4.0))
        if kind != 'studio' and clutter:
            place = kind if kind != 'abstract' else 'street'
            self._floor &= ~scatter(self._canvas, self._camera, self._atlas, self._rng, place, clutter, depth)
        return self._lit()

    def _street(self) -> float:
        style, rng = stream(self._scene.style, 'street'), self._rng
        self._sky()
        self._ground('street')
        for _ in range(int(rng.integers(1, 4))):
            scale = rng.uniform(1, 4)
            middle = rng.normal(0, 6)
            span = (middle - 4 * scale, middle + 4 * scale)
            self._wall(self._painted(rng, walls.building, 'street'), rng.uniform(9, 40), 0.0, span, 4 * scale)
        if style.random() < 0.7:
            return self._near_wall('street', style.uniform(0.7, 9), 1.1)
        return 12.0

    def _park(self) -> float:
        style, rng = stream(self._scene.style, 'park'), self._rng
        self._sky()
        self._ground('park')
        for distance in sorted(rng.uniform(4, 25, rng.integers(1, 4)), reverse=True):
            leaves = self._tinted(rng, walls.covered(self._atlas.take(rng, textures.foliage)))
            height = rng.uniform(1.0, 0.6 * distance + 2)
            self._wall(leaves, distance, rng.normal(0, 0.2), (-15, 15), height)
        if style.random() < 0.3:
            return self._near_wall('park', style.uniform(1.5, 9), 0.8)
        return 8.0

    def _indoor(self) -> float:
        style, rng = stream(self._scene.style, 'indoor'), self._rng
        self._canvas[:] = as_bytes(muted(style, 0.3, 0.9))
        if style.random() < 0.7:
            ceiling = self._tinted(style, self._atlas.take(style, textures.tiles))
            draw_level(self._canvas, self._camera, ceiling, style.uniform(2, 8), style.uniform(2.6, 4.5))
        self._ground('indoor')
        distance = style.uniform(0.6, 7)
        self._near_wall('indoor', distance + 3 * rng.random(), 0.5)
        if style.random() < 0.5:
            side = rng.choice([-1, 1]) * rng.uniform(0.9, 3)
            start, end = self._camera.position[1] + NEAREST, distance + 4
            image = self._painted(rng, walls.KINDS['indoor'][rng.integers(8)], 'indoor')
            corner, across = np.array([side, start, 0]), np.array([0, end - start, 0])
            repeated = np.tile(image, (1, max(1, round((end - start) / 8)), 1))
            self._floor &= ~draw_upright(self._canvas, self._camera, repeated, corner, across, 4.0)
        return distance + 1

    def _flat(self, kind: str) -> None:
        rng = self._rng
        rows, columns = self._camera.size
        if kind == 'studio':
            shade = np.linspace(rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.1), rows)[:, None, None]
            field = plane_noise(rng, (64, 32), (1, 1), 2) * rng.uniform(0, 0.05)
            image = muted(rng, 0.3, 0.98) * shade * (1 + cv2.resize(field, (columns, rows)))[..., None]
            self._canvas[:] = as_bytes(image)
            self._floor[:] = draw_level(np.empty_like(self._canvas), self._camera, np.zeros((2, 2, 3), np.uint8), 1)
            return
        painter = textures.CONFUSING[rng.integers(3)] if rng.random() < 0.7 else textures.foliage
        image = self._tinted(rng, self._atlas.take(rng, painter))
        side = int(rng.integers(90, 250))
        left, top = rng.integers(0, textures.SIDE - side // 2), rng.integers(0, textures.SIDE - side)
        part = image[top : top + side, left : left + side // 2]
        self._canvas[:] = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.5:
            self._ground('street')

    def _sky(self) -> None:
        image = self._atlas.take(self._rng, walls.sky)
        draw_upright(self._canvas, self._camera, image, np.array([-250.0, 200, -60]), np.array([500.0, 0, 0]), 400.0)

    def _ground(self, place: str) -> None:
        painters, style = textures.GROUNDS[place], stream(self._scene.style, 'ground')
        first, second = style.integers(len(painters), size=2)
        turn = style.choice([0, np.pi / 4, style.uniform(0, 1.5)]) + self._rng.normal(0, 0.3)
        self._level(self._painted(style, painters[first]), style.uniform(1.2, 3.0), turn)
        if self._rng.random() < 0.4:
            self._strip(self._painted(style, painters[second]), turn)

    def _strip(self, tile: np.ndarray, turn: float) -> None:
        """Draw another floor beyond a line: a road behind the kerb, a path, a mat."""
        other = self._canvas.copy()
        draw_level(other, self._camera, tile, 2.0, 0.0, turn)
        start, slant = self._rng.uniform(-1, 4), self._rng.normal(0, 0.4)
        inverse = self._camera.plane(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
        rows, columns = np.mgrid[0 : self._camera.size[0], 0 : self._camera.size[1]].astype(np.float32)
        line = inverse[1] - slant * inverse[0] - start * inverse[2]
        beyond = self._floor & (line[0] * columns + line[1] * rows + line[2] > 0)
        lay(self._canvas, other, beyond)

    def _level(self, tile: np.ndarray, metres: float, turn: float = 0.0) -> None:
        self._floor |= draw_level(self._canvas, self._camera, tile, metres, 0.0, turn)

    def _near_wall(self, place: str, distance: float, most_turn: float) -> float:
        """Draw a wall near the person; return its distance behind them in metres."""
        style, rng = stream(self._scene.style, 'wall'), self._rng
        painter = walls.KINDS[place][style.integers(len(walls.KINDS[place]))]
        turn = float(np.clip(style.normal(0, 0.4) + rng.normal(0, 0.12), -most_turn, most_turn))
        image = self._painted(style, painter, place)
        image = np.roll(image, int(rng.integers(image.shape[1])), 1)
        height = style.uniform(2.6, 5) if place != 'park' else style.uniform(0.8, 2.5)
        reach = 8.0
        self._wall(np.tile(image, (1, 2, 1)), distance, turn, (-reach, reach), height)
        return distance

    def _wall(self, image: np.ndarray, distance: float, turn: float, span: tuple[float, float], height: float) -> None:
        """Draw a wall whose foot passes `distance` behind the person, between two positions along it."""
        along = np.array([np.cos(turn), np.sin(turn), 0])
        # All of it must be in front of the camera.
        room = distance - self._camera.position[1] - NEAREST
        most = room / max(abs(along[1]), 1e-3)
        left, right = (max(span[0], -most), span[1]) if along[1] > 0 else (span[0], min(span[1], most))
        if right - left < 0.5:
            return
        start = np.array([0, distance, 0]) + along * left
        share = [int((edge - span[0]) / (span[1] - span[0]) * image.shape[1]) for edge in (left, right)]
        part = np.ascontiguousarray(image[:, share[0] : max(share[1], share[0] + 2)])
        across = along * (right - left)
        self._floor &= ~draw_upright(self._canvas, self._camera, part, start, across, height)

    def _hang(self, depth: float) -> None:
        """Draw fabrics and patches in the colours of people, near enough to be mistaken for part of one."""
        rng = self._rng
        for _ in range(int(rng.integers(1, 5))):
            painter = textures.CONFUSING[rng.integers(len(textures.CONFUSING))]
            image = self._tinted(rng, self._atlas.take(rng, painter))
            height = rng.choice([0, rng.uniform(0, 1.6)])
            corner = np.array([rng.uniform(-1.6, 0.9), rng.uniform(0.3, max(depth, 0.5)), height])
            across = np.array([rng.uniform(0.15, 1.2), rng.normal(0, 0.15), 0])
            self._floor &= ~draw_upright(self._canvas, self._camera, image, corner, across, rng.uniform(0.2, 1.8))

    def _painted(self, rng: np.random.Generator, painter: Callable[..., np.ndarray], *options: str) -> np.ndarray:
        return self._tinted(rng, self._atlas.take(rng, painter, *options))

    @staticmethod
    def _tinted(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Vary brightness and colour temperature a little, and now and then the whole colour."""
        warmth = rng.normal(0, 0.03)
        tint = np.array([1 + warmth, 1, 1 - warmth]) * rng.uniform(0.8, 1.3)
        if rng.random() < 0.12:
            tint = 0.3 + mixed(rng)
        table = np.clip(np.arange(256)[:, None] * tint, 0, 255).astype(np.uint8)
        return cv2.LUT(image, np.ascontiguousarray(table[None]))

    def _lit(self) -> Plate:
        """Apply the light of the scene, which falls unevenly."""
        rows, columns = self._camera.size
        level = np.clip(self._scene.light.level, 0.02, 1.3) ** (1 / 2.2)
        falls = 1 + 0.08 * plane_noise(self._rng, (16, 8), (2, 2), 2)
        light = cv2.resize(falls, (columns, rows), interpolation=cv2.INTER_CUBIC)[..., None] * level.astype(np.float32)
        return Plate(np.clip(self._canvas * light, 0, 255).astype(np.uint8), self._floor)
