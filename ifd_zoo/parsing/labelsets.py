"""Label sets of other parsers and data sets, mapped to ours.

LIP: Gong et al., "Look into Person", https://arxiv.org/abs/1703.05446; ATR: Liang et al., "Deep Human Parsing with
Active Template Regression", https://arxiv.org/abs/1503.02391. The order of the classes is that of SCHP's weights.
"""

import numpy as np

from ifd_zoo.labels import LABELS

LIP = {
    'background': 'background',
    'hat': 'hat',
    'hair': 'hair',
    'glove': 'accessory',
    'sunglasses': 'face',  # like all eyewear
    'upper-clothes': 'upper',
    'dress': 'dress',
    'coat': 'coat',
    'socks': 'shoes',  # we have no class for socks; shoes are clothing too
    'pants': 'lower',
    'jumpsuits': 'dress',  # one piece from the shoulders down
    'scarf': 'accessory',
    'skirt': 'lower',
    'face': 'face',
    'left-arm': 'arms',
    'right-arm': 'arms',
    'left-leg': 'legs',
    'right-leg': 'legs',
    'left-shoe': 'shoes',
    'right-shoe': 'shoes',
}

ATR = {
    'background': 'background',
    'hat': 'hat',
    'hair': 'hair',
    'sunglasses': 'face',
    'upper-clothes': 'upper',
    'skirt': 'lower',
    'pants': 'lower',
    'dress': 'dress',
    'belt': 'accessory',
    'left-shoe': 'shoes',
    'right-shoe': 'shoes',
    'face': 'face',
    'left-leg': 'legs',
    'right-leg': 'legs',
    'left-arm': 'arms',
    'right-arm': 'arms',
    'bag': 'bag',
    'scarf': 'accessory',
}

LABEL_SETS = {'ifd': {name: name for name in LABELS}, 'lip': LIP, 'atr': ATR}
"""Label sets by name: classes in the order of their values, each with the label of ours that it maps to."""


def label_lookup(label_set: str) -> np.ndarray:
    """Return a lookup table from the values of a label set to ours: (number of its classes,) uint8."""
    return np.array([LABELS.index(label) for label in LABEL_SETS[label_set].values()], dtype=np.uint8)
