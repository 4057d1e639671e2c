"""Rendering of dressed people in scenes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.people import Dressed, People
from ifd_zoo.synthetic.pictures.camera import at_centres, fit
from ifd_zoo.synthetic.pictures.chances import Chances
from ifd_zoo.synthetic.pictures.develop import developed
from ifd_zoo.synthetic.pictures.figure import Figure, draw_figure, shape_of
from ifd_zoo.synthetic.pictures.floor import floor_light
from ifd_zoo.synthetic.pictures.materials import Materials
from ifd_zoo.synthetic.scenes.atlas import shared_atlas
from ifd_zoo.synthetic.scenes.clutter import Cover
from ifd_zoo.synthetic.scenes.scene import Scene, backlight, harsh, night, scene_of, sided
from ifd_zoo.synthetic.scenes.surroundings import Surroundings

__all__ = ['Options', 'Picture', 'Studio']

DEFAULT = Options()
QUARTER, SPREAD = np.pi / 2, 0.45
"""Angle between views (front, side, back, other side), and the largest deviation from it; radians."""
FACING = 0.35
"""Standard deviation of the azimuth of people who face the camera; radians."""


class Picture(NamedTuple):
    image: np.ndarray
    """(H, W, 3) uint8 RGB"""
    label_map: np.ndarray
    """(H, W) uint8 indices into `LABELS` of what is visible at each pixel's centre"""
    facts: dict[str, float | int | str]


class Studio:
    """Cameras and their scenes.

    The random draws of an image (camera, scene, light, pose, framing, degradations) depend only on the number of the
    shot and on the camera, never on the person.

    Args:
        size: height and width of the images, pixels.
        supersampling: samples along each side of a pixel.
        cameras: numbers of the cameras.
        textures: folder of painted textures, shared with other processes; see `Atlas`.
    """

    def __init__(
        self,
        people: People,
        seed: int,
        size: tuple[int, int] = (256, 128),
        supersampling: int = 2,
        options: Options = DEFAULT,
        cameras: range = range(8),
        textures: Path | None = None,
    ) -> None:
        self._seed, self._size, self._supersampling = seed, size, supersampling
        self._options, self._cameras = options, cameras
        self._materials = Materials(people.landmarks, people.face_masks, options.modelled)
        self._surroundings = Surroundings(shared_atlas(seed, textures), self._materials, size, supersampling)

    def shoot(
        self, dressed: Dressed, view: int, draw: np.random.Generator, bystanders: Sequence[Dressed] = ()
    ) -> Picture:
        """Render one image.

        Args:
            view: `view % 4` is the side that the person is seen from.
            draw: the shot's random generator; its first draw is the camera.
            bystanders: people who may pass by; background in the label map, like everything that hides the person.
        """
        camera = self._cameras[int(draw.integers(len(self._cameras)))]
        chances = Chances(draw, self._options)
        azimuth = _azimuth(view, chances)
        scene, framing = self._scene(camera, chances), chances.framing()
        around = self._surroundings.of(scene, framing, chances, bystanders)
        shape = shape_of(dressed.posed(chances.of['pose']), azimuth)
        seen_from = fit(scene.stand, shape.points, framing, self._size, self._supersampling)
        shadow = shape.shadow(scene.light)
        canvas = around.canvas
        if self._options.shadows:
            left = floor_light(shape, shadow, seen_from, scene.light, self._options.shadows)
            canvas = np.where(around.floor[..., None], canvas * left[..., None], canvas).astype(np.uint8)
        figure = draw_figure(shape, seen_from, scene.light, shadow, self._materials, self._options.hollows)
        canvas, label_map, occluded = self._composed(canvas, figure, around.fronts)
        image, faults = developed(canvas, self._supersampling, chances)
        facts = {'camera': camera, 'azimuth': azimuth, 'own_scene': int(chances.happens['own_scene'])}
        facts |= scene.facts() | framing.facts() | around.facts | {'occluded': occluded} | faults
        return Picture(image, label_map, facts)

    def _scene(self, camera: int, chances: Chances) -> Scene:
        scene = scene_of(self._seed, camera, chances.of['scene'], chances.happens['own_scene'])
        for name, change in (('harsh', harsh), ('backlight', backlight), ('night', night)):
            if chances.happens[name]:
                scene = replace(scene, light=change(scene.light, chances.of[name]))
        return replace(scene, light=sided(scene.light, self._options.sided))

    def _composed(
        self, canvas: np.ndarray, figure: Figure, fronts: list[Cover]
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Lay the person over the canvas; return it, the label map and the hidden share of the person."""
        labels = np.zeros(canvas.shape[:2], np.uint8)
        labels.ravel()[figure.sample] = figure.label
        canvas = np.ascontiguousarray(canvas)
        canvas.reshape(-1, 3)[figure.sample] = figure.colour
        label_map = np.ascontiguousarray(at_centres(labels, self._supersampling))
        whole = np.count_nonzero(label_map)
        for front in fronts:
            canvas = front.over(canvas)
            label_map[at_centres(front.share, self._supersampling) >= 0.5] = 0
        return canvas, label_map, 1 - np.count_nonzero(label_map) / max(whole, 1)


def _azimuth(view: int, chances: Chances) -> float:
    """Azimuth of the camera around the person in radians, 0 in front."""
    if chances.happens['facing']:
        return float(chances.of['facing'].normal(0, FACING))
    return float(view % 4 * QUARTER + chances.of['view'].uniform(-SPREAD, SPREAD))
