"""Scenes and their light; nothing here depends on who is in the image."""

from dataclasses import dataclass, replace

import numpy as np

from ifd_zoo.synthetic.pictures.camera import Stand
from ifd_zoo.synthetic.pictures.shading import Light
from ifd_zoo.synthetic.streams import stream

SCENES = ('street', 'park', 'indoor', 'studio', 'abstract')
SHARES = (0.42, 0.12, 0.32, 0.06, 0.08)
"""Probability of each kind; `studio` is a bare backdrop, `abstract` a texture without meaning."""

SIDED = (0.15, 0.65)
"""Range of how much more ambient light comes from one side than from the middle: windows, walls, open sky."""


@dataclass(frozen=True, eq=False)
class Scene:
    kind: str
    indoor: bool
    stand: Stand
    light: Light
    style: int
    """Seed of the scene's materials; the same in all images of a camera that do not have their own scene."""

    def facts(self) -> dict[str, float | int | str]:
        return {
            'scene': self.kind,
            'indoor': int(self.indoor),
            'elevation': self.stand.elevation,
            'distance': self.stand.distance,
            'light': self.light.kind,
        }


def scene_of(seed: int, camera: int, draw: np.random.Generator, own: bool) -> Scene:
    """Return the scene of a camera, with the variation between its images drawn from `draw`.

    Args:
        own: draw a separate scene and light for this image, as if the camera had been moved elsewhere.
    """
    constants = draw if own else stream(seed, 'camera', camera)
    kind = str(constants.choice(SCENES, p=SHARES))
    indoor = kind == 'indoor' or (kind in ('studio', 'abstract') and bool(constants.random() < 0.5))
    overhead = constants.random() < 0.35
    elevation = constants.uniform(0.18, 0.5) if overhead else constants.uniform(-0.04, 0.16)
    distance = constants.uniform(3.2, 11)
    style = int(constants.integers(1 << 30))
    light = daylight(constants, indoor)
    stand = Stand(
        elevation=float(np.clip(elevation + draw.normal(0, 0.02), -0.06, 0.6)),
        distance=float(distance * draw.uniform(0.85, 1.2)),
        roll=float(draw.normal(0, 0.012)),
    )
    return Scene(kind, indoor, stand, _passing(light, draw), style)


def daylight(rng: np.random.Generator, indoor: bool) -> Light:
    """Draw the usual light of a place: overcast, sun or indoor."""
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.45, 1.25)
    tone = np.array([1 + rng.normal(0.02, 0.05), 1, 1 - rng.normal(0.02, 0.06)])
    overcast = bool(rng.random() < 0.35)
    strength = rng.uniform(0.15, 0.4) if overcast else rng.uniform(0.5, 1.0)
    if indoor:
        strength *= 0.7
        height = rng.uniform(0.8, 1.4)
    sky = (1.6 - 0.5 * strength) * rng.uniform(0.85, 1.1) * np.array([0.98, 1, 1.03]) * tone
    kind = 'indoor' if indoor else 'overcast' if overcast else 'sun'
    return Light(
        kind=kind,
        sun=direction(azimuth, height),
        sun_colour=strength * tone,
        sky=sky,
        ground=rng.uniform(0.5, 0.72) * sky,
        side=rng.uniform(*SIDED) * direction(rng.uniform(-np.pi, np.pi), 0),
        softness=float(rng.uniform(0.03, 0.08) if indoor or overcast else rng.uniform(0.008, 0.025)),
    )


def _passing(light: Light, draw: np.random.Generator) -> Light:
    """Vary the light, a little stronger or weaker, as at another hour."""
    factor = draw.uniform(0.9, 1.12)
    return replace(light, sun_colour=light.sun_colour * factor, sky=light.sky * factor, ground=light.ground * factor)


def sided(light: Light, strength: float) -> Light:
    """Scale how much more ambient light comes from one side, by `strength`, 0 to 1."""
    return replace(light, side=strength * light.side)


def harsh(light: Light, draw: np.random.Generator) -> Light:
    """Draw full sun or a spotlight: hard shadows, little other light."""
    colour = draw.uniform(0.9, 1.25) * np.array([1.05, 1, 0.92])
    dim = draw.uniform(0.35, 0.6)
    toward = direction(draw.uniform(-np.pi, np.pi), draw.uniform(0.5, 1.2))
    return Light('harsh', toward, colour, light.sky * dim, light.ground * dim, light.side, 0.006)


def backlight(light: Light, draw: np.random.Generator) -> Light:
    """Draw light with the sun behind people, whose front is dark."""
    toward = direction(np.pi + draw.uniform(-0.7, 0.7), draw.uniform(0.25, 0.8))
    dim = draw.uniform(0.35, 0.7)
    colour = np.full(3, draw.uniform(0.8, 1.3))
    return Light('backlight', toward, colour, light.sky * dim, light.ground * dim, light.side, 0.02)


def night(light: Light, draw: np.random.Generator) -> Light:
    """Draw the light of a street lamp, in its colour."""
    tone = np.array([1.1, 0.92, 0.7]) if draw.random() < 0.6 else np.array([0.85, 0.95, 1.1])
    dim = draw.uniform(0.1, 0.3) * np.array([0.85, 0.95, 1.15])
    toward = direction(draw.uniform(-np.pi, np.pi), draw.uniform(0.7, 1.35))
    colour = draw.uniform(0.3, 0.6) * tone
    return Light('night', toward, colour, light.sky * dim, light.ground * dim, light.side, 0.03)


def direction(azimuth: float, height: float) -> np.ndarray:
    """Return (3,) towards a point `height` radians above the horizon; at azimuth 0 it is behind the camera."""
    level = np.cos(height)
    return np.array([np.sin(azimuth) * level, -np.cos(azimuth) * level, np.sin(height)])
