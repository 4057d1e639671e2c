"""Jackets, cardigans and coats."""

from ifd_zoo.synthetic.clothes.bottoms import SKIRT_TOP, hang_skirt, hem_of
from ifd_zoo.synthetic.clothes.collars import add_collar
from ifd_zoo.synthetic.clothes.cuts import Cover, body_of_top, minimum, neckline, opened, shrunk
from ifd_zoo.synthetic.clothes.extras import add_belt
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import Piece
from ifd_zoo.synthetic.clothes.wardrobe import Garment

LONG = ('coat', 'long coat', 'trench coat', 'parka', 'long cardigan')


def wear_outer(fitting: Fitting, garment: Garment) -> None:
    """Add a jacket, labelled `upper`, or a garment that reaches the thigh, labelled `coat`."""
    cut, marks = garment.cut, fitting.marks
    long = cut.kind in LONG
    label = 'coat' if long else 'upper'
    hem = marks.hip + SKIRT_TOP - 0.06 if long else marks.hip - cut.length
    shell = fitting.figure.shell(0.010 + 0.006 * cut.ease, 2, trunk=0.35 + 0.4 * cut.ease)
    shell = fitting.creased(garment, shell, 0.006, 0.004)
    depth = cut.depth * (1.0 if cut.open else 0.7)
    cover: Cover = minimum(
        body_of_top(marks, cut.sleeve * marks.arm_length, hem), neckline(marks, 'vee', 0.075, depth or 0.1)
    )
    hides = shrunk(cover, 0.02)
    if cut.open:
        cover = minimum(cover, opened(cut.open, marks))
        hides = None
    shell = fitting.figure.lay(shell, cover)
    cloth = fitting.cloth(garment, around=1.2, placket=not cut.open)
    layer = fitting.layer(fitting.figure.surface, shell, cover, label, cloth, garment)
    fitting.pieces.append(Piece(layer, hides))
    if long:
        hang_skirt(fitting, garment, 'coat', cloth, hem_of(fitting, cut.length), 0.02)
    if cut.belt:
        add_belt(fitting, garment, label, cloth)
    if cut.collar:
        add_collar(fitting, garment, label, cloth)
