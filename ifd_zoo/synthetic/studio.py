"""Takes pictures of dressed people."""

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
"""People are seen from the front, a side, the back and the other side, give or take a little; radians."""
FACING = 0.35
"""How far those who come towards the camera are turned away, standard deviation; radians."""


class Picture(NamedTuple):
    image: np.ndarray
    """(H, W, 3) uint8 RGB"""
    label_map: np.ndarray
    """(H, W) uint8, positions in `LABELS`, of what each pixel's centre shows"""
    facts: dict[str, float | int | str]


class Studio:
    """Cameras, and the places where they stand.

    A picture's camera, scene, light, pose, box and faults hang on the number of the shot and on the camera, never on
    who is seen.

    Args:
        size: height and width of the pictures, pixels.
        supersampling: samples along a pixel.
        cameras: numbers of those that take the pictures.
        textures: folder where painted textures are kept for other processes; see `Atlas`.
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
        """One picture.

        Args:
            view: `view % 4` is the side that the person is seen from.
            draw: the shot's own generator; its first number is the camera's.
            bystanders: others who may pass by; they are background in the label map, as is all that hides the person.
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
        """The person laid over the canvas, the label map, and which share of the person is hidden."""
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
    """Radians around the person, 0 in front of them."""
    if chances.happens['facing']:
        return float(chances.of['facing'].normal(0, FACING))
    return float(view % 4 * QUARTER + chances.of['view'].uniform(-SPREAD, SPREAD))
