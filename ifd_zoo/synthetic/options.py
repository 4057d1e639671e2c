"""Realism options: how far images depart from clean ones."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Options:
    """Shares of the images that have an effect, and strengths of effects that all images have, each 0 to 1.

    Each option draws from its own random stream, so that changing one leaves the others as they are.
    """

    own_scene: float = 0.6
    """The image has its own scene and light instead of those of its camera."""
    backgrounds: float = 1.0
    """Buildings, walls, floors, sky and plants behind the person; otherwise a bare wall and floor."""
    clutter: float = 0.8
    """Objects standing behind the person."""
    confusing: float = 0.15
    """Fabrics and patches in the colours of skin, hair and garments behind the person."""
    defocus: float = 0.55
    """Background out of focus."""
    occluders: float = 0.06
    """Objects in front that hide part of the person."""
    passers_by: float = 0.08
    """Other people behind or in front of the person; requires bystanders."""
    shadows: float = 1.0
    """Strength of the shadow on the floor."""
    hollows: float = 1.0
    """Strength of ambient occlusion: armpits, between the legs, under the chin."""
    harsh: float = 0.25
    """Hard light."""
    backlight: float = 0.07
    night: float = 0.02
    misaligned: float = 0.15
    """The box fits the person badly: off centre, too wide or too tight."""
    stretched: float = 0.6
    """The box is narrower than the image's aspect ratio and was stretched to fill it."""
    cut: float = 0.05
    """The box ends above the feet or below the top of the head."""
    clean: float = 0.7
    """A sharp, well exposed image: none of the options from `motion` to `compression`, except `tone`."""
    motion: float = 0.12
    soft: float = 0.35
    sharpened: float = 0.2
    low_resolution: float = 0.3
    tone: float = 1.0
    """A camera's tone curve: mostly brighter, with more contrast; applied to clean images too."""
    exposure: float = 0.7
    """Exposure, white balance and contrast slightly off."""
    vignette: float = 0.3
    noise: float = 0.55
    compression: float = 0.65
    facing: float = 0.5
    """The person faces the camera, whichever side the view asks for."""
    modelled: float = 1.0
    """Strength of shading on faces: eye sockets, sides of the nose, cheekbones, neck below the chin."""
    sided: float = 1.0
    """Strength with which more ambient light comes from one side."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise ValueError(f'{field.name} is {value}: it must be from 0 to 1')

    @classmethod
    def plain(cls) -> 'Options':
        """Return the options of a person in front of a bare wall, and nothing else."""
        return cls(**{field.name: 0.0 for field in fields(cls)})
