"""Tops and dresses."""

from ifd_zoo.synthetic.clothes.bottoms import SKIRT_TOP, WAIST, hang_skirt, hem_of
from ifd_zoo.synthetic.clothes.collars import add_collar
from ifd_zoo.synthetic.clothes.cuts import body_of_top, minimum, neckline
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.wardrobe import Cut, Garment

UNDER = 0.35
"""Share of its ease that a top keeps under a jacket."""


def wear_top(fitting: Fitting, garment: Garment) -> None:
    cut, marks = garment.cut, fitting.marks
    tucked = fitting.outfit.tucked and cut.kind not in ('jumper', 'sweatshirt', 'crop top')
    hem = marks.hip + WAIST - 0.06 if tucked else marks.hip - cut.length
    if not tucked and fitting.outfit.of('skirt'):
        fitting.figure.occupied[:] = fitting.figure.occupied.clip(0.03)
    _wear_trunk(fitting, garment, hem, 'upper', close=tucked)


def wear_dress(fitting: Fitting, garment: Garment) -> None:
    cloth = fitting.cloth(garment, around=1.3)
    hang_skirt(fitting, garment, 'dress', cloth, hem_of(fitting, garment.cut.length))
    _wear_trunk(fitting, garment, fitting.marks.hip + SKIRT_TOP - 0.05, 'dress', close=True)


def _wear_trunk(fitting: Fitting, garment: Garment, hem: float, label: str, close: bool) -> None:
    cut, marks = garment.cut, fitting.marks
    ease = cut.ease * (UNDER if fitting.outfit.of('outer') else 1)
    thickness = 0.004 + (0 if close else 0.009 * ease)
    trunk = (0.25 if close else 0.85) * ease
    shell = fitting.figure.shell(thickness, 1 + int(3 * ease), trunk=trunk)
    shell = fitting.creased(garment, shell, 0.003 + 0.004 * ease, 0.006 * ease)
    cover = minimum(
        body_of_top(marks, sleeve_of(cut, marks.arm_length), hem), neckline(marks, cut.neckline, cut.neck, cut.depth)
    )
    cloth = fitting.cloth(garment, around=1.3)
    fitting.add_shell(garment, shell, cover, label, cloth)
    if cut.collar:
        add_collar(fitting, garment, label, cloth)


def sleeve_of(cut: Cut, arm_length: float) -> float:
    """Return the sleeve's metres along the arm; values below 0, for a bare shoulder, are in metres already."""
    return cut.sleeve * arm_length if cut.sleeve > 0 else cut.sleeve
