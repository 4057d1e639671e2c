"""Random draws for an image, each from its own stream."""

from dataclasses import fields

import numpy as np

from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.pictures.camera import Framing

ALWAYS = ('scene', 'pose', 'view', 'framing', 'background')


class Chances:
    """Generators by name (`of`) for each of `ALWAYS` and each option, and whether each option applies (`happens`).

    Args:
        draw: random generator of the image.
    """

    def __init__(self, draw: np.random.Generator, options: Options) -> None:
        names = [field.name for field in fields(options)]
        self.of = dict(zip((*ALWAYS, *names), draw.spawn(len(ALWAYS) + len(names)), strict=True))
        self.happens = {name: bool(self.of[name].random() < getattr(options, name)) for name in names}

    def framing(self) -> Framing:
        """Draw the box around the person; call it only once."""
        rng = self.of['framing']
        margin, shift = rng.uniform(0.05, 0.15), rng.normal(0, 0.015, 2)
        if self.happens['misaligned']:
            rng = self.of['misaligned']
            margin, shift = rng.uniform(0.0, 0.3), rng.normal(0, (0.13, 0.05))
        top, bottom = 0.0, 0.0
        if self.happens['cut']:
            rng = self.of['cut']
            if rng.random() < 0.25:
                top = rng.uniform(0.02, 0.1)
            else:
                bottom = rng.uniform(0.03, 0.45)
        stretch = self.of['stretched'].uniform(1, 1.35) if self.happens['stretched'] else 1.0
        return Framing(float(margin), (float(shift[0]), float(shift[1])), float(top), float(bottom), float(stretch))
