"""Trousers, shorts, leggings and skirts."""

from ifd_zoo.synthetic.clothes.cuts import Cover, between, minimum, opened
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.pieces import Piece
from ifd_zoo.synthetic.clothes.wardrobe import Garment
from ifd_zoo.synthetic.parts import Cloth

WAIST = 0.135
"""Metres from the hip joint up to the upper edge of trousers."""
SKIRT_TOP = 0.125


def hem_of(fitting: Fitting, share: float) -> float:
    """Return the height of a hem that covers `share` of the leg."""
    return fitting.marks.hip - share * fitting.marks.leg_length


def wear_trousers(fitting: Fitting, garment: Garment) -> None:
    """Add trousers, shorts, leggings or tights."""
    cut, figure = garment.cut, fitting.figure
    top = fitting.marks.hip + WAIST
    end = hem_of(fitting, cut.length)
    if cut.kind in ('leggings', 'tights'):
        shell = figure.shell(0.003, 0)
    else:
        shell = figure.shell(0.006 + 0.007 * cut.ease, 2, leg=cut.ease)
        shell = fitting.creased(garment, shell, 0.005 + 0.003 * cut.ease, 0.006 * cut.ease)
    fitting.add_shell(garment, shell, between(top, end), 'lower', fitting.cloth(garment, around=1.6))


def wear_skirt(fitting: Fitting, garment: Garment) -> None:
    cut = garment.cut
    end = hem_of(fitting, cut.length)
    hang_skirt(fitting, garment, 'lower', fitting.cloth(garment, around=1.2), end)


def hang_skirt(
    fitting: Fitting, garment: Garment, label: str, cloth: Cloth, end: float, thickness: float = 0.005
) -> None:
    """Add the part of a skirt, dress or coat below the waist, down to the height `end`."""
    cut, marks, figure = garment.cut, fitting.marks, fitting.figure
    rng = fitting.cut_stream(garment)
    folds = 0.004 + 0.035 * max(0, cut.flare - 0.9) * (0.6 if label == 'coat' else 1)
    vertices = figure.skirt(cut.flare, thickness, folds, rng)
    cover: Cover = between(marks.hip + SKIRT_TOP, end)
    hides = between(marks.hip + SKIRT_TOP - 0.02, end + 0.035)
    if label == 'coat' and cut.open:
        cover, hides = minimum(cover, opened(cut.open, marks)), None
    surface = fitting.body.fine_skirt.shell.surface
    fitting.pieces.append(Piece(fitting.layer(surface, vertices, cover, label, cloth, garment), hides))
