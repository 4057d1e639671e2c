"""Everything in an image except the person: background, passers-by and occluders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ifd_zoo.synthetic.people import Dressed
from ifd_zoo.synthetic.pictures.camera import Camera, Framing, fit, nominal_person
from ifd_zoo.synthetic.pictures.chances import Chances
from ifd_zoo.synthetic.pictures.figure import Shape, draw_figure, shape_of
from ifd_zoo.synthetic.pictures.materials import Materials
from ifd_zoo.synthetic.scenes.atlas import Atlas
from ifd_zoo.synthetic.scenes.background import Builder, Plate
from ifd_zoo.synthetic.scenes.clutter import Cover, cover_of
from ifd_zoo.synthetic.scenes.scene import Scene

COARSE_SHADOW = 96
PLACES = {'studio': 'indoor', 'abstract': 'street'}
"""Places that occluders are taken from, for kinds of scenes without their own."""


class Around(NamedTuple):
    canvas: np.ndarray
    """(rows, columns, 3) uint8, everything behind the person"""
    floor: np.ndarray
    """(rows, columns) bool, True for floor"""
    fronts: list[Cover]
    facts: dict[str, float | int]


class Surroundings:
    """Renderer of surroundings, fitted to a person of average size so that they do not depend on who is seen.

    Args:
        size: height and width of the images, pixels.
        atlas: of painted textures and objects.
    """

    def __init__(self, atlas: Atlas, materials: Materials, size: tuple[int, int], supersampling: int) -> None:
        self._materials, self._size, self._supersampling = materials, size, supersampling
        self._atlas = atlas

    def of(self, scene: Scene, framing: Framing, chances: Chances, bystanders: Sequence[Dressed]) -> Around:
        """Render the surroundings of a scene; `bystanders` are people who may pass by."""
        camera = fit(scene.stand, nominal_person(), framing, self._size, self._supersampling)
        plate = self._plate(scene, camera, chances)
        canvas, floor, blur, fronts, passing = plate.image, plate.floor, 0.0, [], 0
        if chances.happens['passers_by']:
            for cover, distance in self._passing(scene, framing, camera, chances.of['passers_by'], bystanders):
                passing += 1
                if distance < 0:
                    fronts.append(cover)
                else:
                    canvas, floor = cover.over(canvas), floor & (cover.share < 0.5)
        if chances.happens['defocus']:
            blur = float(np.exp(chances.of['defocus'].uniform(np.log(0.5), np.log(7))) * self._size[0] / 256)
            canvas = _defocused(canvas, blur * self._supersampling)
        if chances.happens['occluders']:
            fronts.append(self._occluder(scene, camera, chances.of['occluders']))
        return Around(canvas, floor, fronts, {'background_blur': blur, 'passers_by': passing})

    def _plate(self, scene: Scene, camera: Camera, chances: Chances) -> Plate:
        builder = Builder(scene, camera, self._atlas, chances.of['background'])
        if not chances.happens['backgrounds']:
            return builder.plain()
        clutter = chances.of['clutter'].uniform(0.1, 1) if chances.happens['clutter'] else 0.0
        return builder.rich(float(clutter), chances.happens['confusing'])

    def _occluder(self, scene: Scene, camera: Camera, rng: np.random.Generator) -> Cover:
        near = cover_of(camera, self._atlas, rng, PLACES.get(scene.kind, scene.kind), scene.light.level)
        spread = rng.choice([0.0, rng.uniform(0.3, 2.5)]) * self._size[0] / 256
        return near.blurred(float(spread) * self._supersampling)

    def _passing(
        self,
        scene: Scene,
        framing: Framing,
        camera: Camera,
        rng: np.random.Generator,
        bystanders: Sequence[Dressed],
    ) -> Iterator[tuple[Cover, float]]:
        """Yield passers-by and their distance behind the person in metres, below 0 for in front."""
        coarse = fit(scene.stand, nominal_person(), framing, self._size, 1)
        for dressed in bystanders[: int(rng.choice([1, 1, 2]))]:
            draw = rng.spawn(1)[0]
            where, azimuth = _place(draw), float(draw.uniform(-np.pi, np.pi))
            shape = shape_of(dressed.posed(draw), azimuth, where)
            yield self._as_cover(shape, coarse, camera, scene), where[1]

    def _as_cover(self, shape: Shape, coarse: Camera, camera: Camera, scene: Scene) -> Cover:
        """Render a passer-by with one sample per pixel."""
        shadow = shape.shadow(scene.light, COARSE_SHADOW)
        figure = draw_figure(shape, coarse, scene.light, shadow, self._materials)
        picture = np.zeros((coarse.size[0] * coarse.size[1], 4), np.float32)
        picture[figure.sample, :3] = figure.colour
        picture[figure.sample, 3] = 1
        grown = cv2.resize(picture.reshape(*coarse.size, 4), camera.size[::-1], interpolation=cv2.INTER_LINEAR)
        return Cover(grown[..., :3], grown[..., 3])


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """Draw metres to the right of the person and behind; someone in front passes at the side."""
    if rng.random() < 0.3:
        side = max(0.42 + rng.normal(0, 0.15), 0.25)
        return float(side * rng.choice([-1, 1])), float(-rng.uniform(0.35, 0.9))
    distance = float(np.exp(rng.uniform(np.log(0.5), np.log(6))))
    return float(0.2 * rng.choice([-1, 1]) + rng.normal(0, 0.25 + 0.12 * distance)), distance


def _defocused(canvas: np.ndarray, spread: float) -> np.ndarray:
    """Blur by `spread` samples, on a coarser grid where that is as good."""
    factor = int(np.clip(spread // 2, 1, 8))
    if factor == 1:
        return cv2.GaussianBlur(canvas, (0, 0), spread)
    size = (max(canvas.shape[1] // factor, 2), max(canvas.shape[0] // factor, 2))
    small = cv2.GaussianBlur(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), (0, 0), spread / factor)
    return cv2.resize(small, canvas.shape[1::-1], interpolation=cv2.INTER_CUBIC)
