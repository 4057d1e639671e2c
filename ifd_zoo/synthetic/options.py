"""How far a picture is from a clean one."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Options:
    """Shares of the pictures, 0 to 1, that have something, and strengths of what all have; 0 is never or none of it.

    Each is drawn from its own stream, so that to change one of them leaves the others as they were.
    """

    own_scene: float = 0.6
    """Taken in a place and a light that no other picture shares, not where the camera stands."""
    backgrounds: float = 1.0
    """Houses, walls, floors, sky and plants behind the person; else a bare wall and floor."""
    clutter: float = 0.8
    """Things that stand around behind the person."""
    confusing: float = 0.15
    """Cloth and patches in the colours of skin, hair and garments behind the person."""
    defocus: float = 0.55
    """Background out of focus."""
    occluders: float = 0.06
    """Things in front that hide a part of the person."""
    passers_by: float = 0.08
    """Other people behind or before the person; needs bystanders."""
    shadows: float = 1.0
    """Strength of the shadow on the floor."""
    hollows: float = 1.0
    """Strength of the dark where little light comes: armpits, between the legs, under the chin."""
    harsh: float = 0.25
    """Hard light."""
    backlight: float = 0.07
    night: float = 0.02
    misaligned: float = 0.15
    """The box lies badly around the person: off the middle, too wide, too tight."""
    stretched: float = 0.6
    """The box is narrower than the picture, which is as wide as half its height, and was stretched to fill it."""
    cut: float = 0.05
    """The box ends above the feet or below the crown."""
    clean: float = 0.7
    """None of what follows: a sharp, well exposed picture."""
    motion: float = 0.12
    soft: float = 0.35
    sharpened: float = 0.2
    low_resolution: float = 0.3
    tone: float = 1.0
    """Brightened and with more contrast, as cameras develop pictures; clean ones too."""
    exposure: float = 0.7
    """Exposure, white balance and contrast that are not quite right."""
    vignette: float = 0.3
    noise: float = 0.55
    compression: float = 0.65
    facing: float = 0.5
    """People who come towards the camera, whichever side the view is of."""
    modelled: float = 1.0
    """Strength of light and dark on faces: sockets, the sides of noses, cheekbones, the neck below the chin."""
    sided: float = 1.0
    """Strength with which more light comes from one side."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise ValueError(f'{field.name} is {value}: it must be from 0 to 1')

    @classmethod
    def plain(cls) -> 'Options':
        """The person before a bare wall, and nothing else."""
        return cls(**{field.name: 0.0 for field in fields(cls)})
