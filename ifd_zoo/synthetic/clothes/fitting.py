"""Fitting of an outfit to a person: the state that garments share while they are put on."""

from collections.abc import Callable

import numpy as np

from ifd_zoo.synthetic.bodies.body import Body
from ifd_zoo.synthetic.bodies.identity import Identity
from ifd_zoo.synthetic.clothes.cuts import Cover
from ifd_zoo.synthetic.clothes.drape import Figure, creases
from ifd_zoo.synthetic.clothes.fabric import decal, draw_weave, texture
from ifd_zoo.synthetic.clothes.pieces import LABEL, Piece, solid
from ifd_zoo.synthetic.clothes.wardrobe import Garment, Outfit
from ifd_zoo.synthetic.parts import Cloth, Layer, Surface
from ifd_zoo.synthetic.streams import stream

GLOSS = {'leather': 0.14, 'shoe': 0.12, 'tights': 0.05}
DECALS = ('t-shirt', 'sweatshirt')
PLACKETS = ('shirt', 'cardigan', 'blazer', 'polo shirt', 'shirt dress')


class Fitting:
    """Pieces of an outfit, collected while a person is dressed.

    Args:
        seed: of the set.
        fabrics: seed of colours and patterns; changes nothing else.
    """

    def __init__(self, body: Body, identity: Identity, outfit: Outfit, seed: int, fabrics: int) -> None:
        self.body = body
        self.marks = body.landmarks
        self.identity = identity
        self.outfit = outfit
        self.figure = Figure(body, identity.vertices, identity.joints)
        self.pieces: list[Piece] = []
        self._seed = seed
        self._fabrics = fabrics

    def cut_stream(self, garment: Garment) -> np.random.Generator:
        """Return the random stream of a garment's shape."""
        return stream(self._seed, 'cut', garment.slot, garment.number)

    def cloth(self, garment: Garment, around: float = 1.0, **options: object) -> Cloth:
        """Return the garment's fabric, whose draws never affect a shape."""
        rng = stream(self._seed, 'fabric', garment.slot, garment.number, self._fabrics)
        family, kind = garment.cut.family, garment.cut.kind
        weave = draw_weave(rng, family)
        printed = kind in DECALS and rng.random() < 0.4 and self.outfit.of('outer') is None
        return Cloth(
            **{
                'texture': texture(weave),
                'around': around,
                'decal': decal(rng) if printed else None,
                'placket': kind in PLACKETS,
                'gloss': GLOSS.get(family, 0.03),
                **options,
            }
        )

    def add_shell(self, garment: Garment, shell: np.ndarray, cover: Cover, label: str, cloth: Cloth) -> None:
        """Add a garment on the fine tights that lies over the clothes worn so far and hides the skin."""
        shell = self.figure.lay(shell, cover)
        self.pieces.append(Piece(self.layer(self.figure.surface, shell, cover, label, cloth, garment), cover))

    def add(
        self, surface: Surface, vertices: np.ndarray, cover: Cover, label: str, cloth: Cloth, garment: Garment
    ) -> None:
        """Add a garment that hides nothing."""
        self.pieces.append(Piece(self.layer(surface, vertices, cover, label, cloth, garment)))

    def layer(
        self, surface: Surface, vertices: np.ndarray, cover: Cover, label: str, cloth: Cloth, garment: Garment
    ) -> Layer:
        seed = float(stream(self._seed, 'crease', garment.slot, garment.number).uniform(0, 40))
        return Layer(surface, vertices, cover(surface), LABEL[label], cloth, seed)

    def add_solid(self, surface: Surface, label: str, garment: Garment, cloth: Cloth) -> None:
        self.pieces.append(solid(surface, label, cloth, float(garment.number)))

    def creased(self, garment: Garment, shell: np.ndarray, depth: float, hang: float) -> np.ndarray:
        """Return a shell of the fine tights, displaced by folds."""
        folds = creases(self.figure, depth, hang, self.cut_stream(garment))
        return shell + self.body.fine_tights.shell.normals(shell) * folds[:, None]


Wear = Callable[[Fitting, Garment], None]
