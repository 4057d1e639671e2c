"""People who change clothes: identities, outfits from a shared wardrobe, and dressed people in poses."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

from ifd_zoo.common.recent import Recent
from ifd_zoo.synthetic.bodies.assets import load_assets
from ifd_zoo.synthetic.bodies.body import Body, skinned
from ifd_zoo.synthetic.bodies.hair import wear_hair
from ifd_zoo.synthetic.bodies.identity import Identity, draw_identity, draw_shape
from ifd_zoo.synthetic.bodies.mesh import vertex_normals
from ifd_zoo.synthetic.bodies.pose import Wants, draw_pose
from ifd_zoo.synthetic.bodies.posing import Posing
from ifd_zoo.synthetic.clothes.bags import wear_bag
from ifd_zoo.synthetic.clothes.bottoms import wear_skirt, wear_trousers
from ifd_zoo.synthetic.clothes.extras import wear_belt, wear_scarf
from ifd_zoo.synthetic.clothes.fitting import Fitting, Wear
from ifd_zoo.synthetic.clothes.hats import hat_line, wear_hat, wear_sunglasses
from ifd_zoo.synthetic.clothes.outer import wear_outer
from ifd_zoo.synthetic.clothes.pieces import LABEL, Cutout, cut_out
from ifd_zoo.synthetic.clothes.shoes import wear_shoes
from ifd_zoo.synthetic.clothes.tops import wear_dress, wear_top
from ifd_zoo.synthetic.clothes.wardrobe import Outfit, Wardrobe
from ifd_zoo.synthetic.parts import Eye, Layer, PosedLayer, Skin
from ifd_zoo.synthetic.streams import stream

Kept = TypeVar('Kept')
KEPT = 4
"""Identities, dressed people and reliefs (each) that are cached for further views."""
ORDER: dict[str, Wear] = {
    'legwear': wear_trousers,
    'bottom': wear_trousers,
    'shoes': wear_shoes,
    'skirt': wear_skirt,
    'top': wear_top,
    'dress': wear_dress,
    'belt': wear_belt,
    'outer': wear_outer,
    'scarf': wear_scarf,
    'bag': wear_bag,
    'hat': wear_hat,
    'sunglasses': wear_sunglasses,
}
"""Functions that put on a garment, by slot, from the inside out."""
MARGIN = 0.012
"""Metres of skin kept under a hem."""


class Dressed:
    """A person in an outfit, at rest."""

    def __init__(self, body: Body, identity: Identity, outfit: Outfit, cutouts: list[Cutout]) -> None:
        self.identity = identity
        self.outfit = outfit
        self._posing = Posing(body.skeleton, identity.joints)
        self._wants = _wants(outfit)
        self._cutouts = cutouts

    @property
    def layers(self) -> list[Layer]:
        return [cutout.layer for cutout in self._cutouts]

    def posed(self, rng: np.random.Generator) -> list[PosedLayer]:
        """Return the layers in a walking or standing pose drawn from `rng`, with the feet on z = 0."""
        pose = draw_pose(self.identity, self._posing.leg, self._wants, rng)
        world = self._posing.transforms(pose, self._wants.heel)
        posed = []
        for layer, triangles, corners in self._cutouts:
            vertices = skinned(layer.vertices, world, layer.surface.bones, layer.surface.weights)
            posed.append(PosedLayer(layer, vertices, vertex_normals(vertices, triangles, corners)))
        ground = min(float(each.vertices[:, 2].min()) for each in posed if each.layer.label == LABEL['shoes'])
        for each in posed:
            each.vertices[:, 2] -= ground
        return posed


CARRIED = {'handbag': 'hand', 'tote bag': 'hand', 'clutch bag': 'hand', 'arm bag': 'forearm'}


def _wants(outfit: Outfit) -> Wants:
    skirt, bag, shoes = outfit.of('skirt') or outfit.of('dress'), outfit.of('bag'), outfit.of('shoes')
    narrow = skirt and skirt.cut.flare < 1
    return Wants(
        stride=(0.5 if narrow else 0.7) if skirt else 1.0,
        heel=shoes.cut.heel if shoes else 0.0,
        carries=CARRIED.get(bag.cut.kind, '') if bag else '',
        side=outfit.bag_side,
    )


class People:
    """All people of a set, by number, drawn when first used.

    Args:
        seed: of the set.

    Raises:
        AssetError: the meshes are not installed.
    """

    def __init__(self, seed: int) -> None:
        assets = load_assets()
        self.seed = seed
        self._body = Body(assets)
        self.wardrobe = Wardrobe(seed)
        self.landmarks = self._body.landmarks
        self.face_masks = assets.masks
        self._kept: defaultdict[str, Recent] = defaultdict(lambda: Recent(KEPT))

    def identity(self, number: int) -> Identity:
        """Return the person with this number."""
        return self._keep(
            'identity', number, lambda: draw_identity(self._body, number, stream(self.seed, 'identity', number))
        )

    def outfit(self, owner: int, number: int) -> Outfit:
        """Return the outfit with this number of `owner`; others may wear it too."""
        male = draw_shape(stream(self.seed, 'identity', owner))['male'] > 0.5
        return self.wardrobe.outfit(owner, number, male)

    def dress(self, identity: Identity, outfit: Outfit, fabrics: int = 0) -> Dressed:
        """Dress the person in the outfit.

        Args:
            fabrics: seed of the garments' colours and patterns; does not change any shape.
        """
        return self._keep('dressed', (identity, outfit, fabrics), lambda: self._dress(identity, outfit, fabrics))

    def _dress(self, identity: Identity, outfit: Outfit, fabrics: int) -> Dressed:
        fitting = Fitting(self._body, identity, outfit, self.seed, fabrics)
        for slot, wear in ORDER.items():
            if garment := outfit.of(slot):
                wear(fitting, garment)
        hat = outfit.of('hat')
        wear_hair(fitting, hat_line(fitting, hat) if hat else None)
        layers = [*self._naked(fitting), *(piece.layer for piece in fitting.pieces)]
        return Dressed(self._body, identity, outfit, [cut_out(layer) for layer in layers])

    def _naked(self, fitting: Fitting) -> list[Layer]:
        identity, skin, eyes = fitting.identity, self._body.skin, self._body.eyes
        hidden = [piece.hides(skin.surface) for piece in fitting.pieces if piece.hides]
        cover = MARGIN - np.max([np.full(len(skin.source), -1.0), *hidden], 0)
        glasses = identity.glasses and not fitting.outfit.of('sunglasses')
        material = Skin(identity.skin, identity.hair.colour, identity.beard, glasses)
        seed, vertices = identity.hair.seed, identity.vertices[skin.source]
        return [
            Layer(skin.surface, vertices, cover, LABEL['face'], material, seed, self._relief(identity)),
            Layer(
                eyes.surface,
                identity.vertices[eyes.source],
                np.ones(len(eyes.source)),
                LABEL['face'],
                Eye(identity.iris),
            ),
        ]

    def _relief(self, identity: Identity) -> np.ndarray:
        """(G, 2) relief of the head; 0 on the rest of the skin."""
        skin = self._body.skin
        head = skin.surface.fields.head > 0.5
        return self._keep('relief', identity, lambda: skin.relief(identity.vertices[skin.source]) * head[:, None])

    def _keep(self, kind: str, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """Cache the last few results of each kind."""
        kept = self._kept[kind]
        if key not in kept:
            kept[key] = make()
        return kept[key]
