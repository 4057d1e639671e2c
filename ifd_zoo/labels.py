"""The label set common to all parsers and label maps, and the named sets of classes that masks are made of."""

from collections.abc import Iterable

LABELS = (
    'background',
    'hair',
    'face',
    'arms',
    'legs',
    'upper',
    'lower',
    'dress',
    'coat',
    'shoes',
    'neck',
    'bag',
    'hat',
    'accessory',  # scarf, belt, gloves, tie; jewellery and eyewear count as the body part they lie on
)
"""Class names; the position is the value in a label map (uint8, one byte per pixel)."""

CLOTHING = ('upper', 'lower', 'dress', 'coat', 'shoes', 'bag', 'accessory')
"""Classes erased from the image and C of eq. 3 by default: garments, shoes, bag, scarf and belt; a hat stays."""

MASK_SETS = {
    'default': CLOTHING,
    'with_hat': (*CLOTHING, 'hat'),
    'garments_only': ('upper', 'lower', 'dress', 'coat'),
    'no_bag': tuple(name for name in CLOTHING if name != 'bag'),
}
"""Names for several labels, accepted wherever labels are named: for what is erased and for what psi covers."""

PALETTE = (
    (0, 0, 0),
    (200, 60, 20),
    (0, 60, 250),
    (60, 200, 250),
    (120, 250, 160),
    (250, 80, 0),
    (0, 100, 200),
    (190, 0, 200),
    (250, 170, 0),
    (130, 130, 130),
    (230, 190, 140),
    (250, 250, 0),
    (150, 30, 90),
    (255, 140, 200),
)
"""One RGB colour per class, for figures and palette PNGs."""


def class_indices(names: Iterable[str]) -> tuple[int, ...]:
    """Return the label map values of the named classes, each once, in the order of the names.

    Args:
        names: from `LABELS` and `MASK_SETS`.

    Raises:
        ValueError: a name is in neither; the message lists the names that are.
    """
    names = [label for name in names for label in MASK_SETS.get(name, (name,))]
    unknown = sorted(set(names) - set(LABELS))
    if unknown:
        known = f'the labels are: {", ".join(LABELS)}; sets of them: {", ".join(MASK_SETS)}'
        raise ValueError(f'unknown label {", ".join(unknown)}; {known}')
    return tuple(LABELS.index(name) for name in dict.fromkeys(names))
