"""Label sets of other parsers and data sets, and what each of their classes is in ours.

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
    'sunglasses': 'face',  # as all eyewear
    'upper-clothes': 'upper',
    'dress': 'dress',
    'coat': 'coat',
    'socks': 'shoes',  # no class of ours; clothing in any case
    'pants': 'lower',
    'jumpsuits': 'dress',  # from the shoulders down in one piece
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
"""Name of a label set; its classes in the order of their values, each with the label of ours that it becomes."""


def label_lookup(label_set: str) -> np.ndarray:
    """Values in our label maps, to index with values of another label set: (its classes,) uint8."""
    return np.array([LABELS.index(label) for label in LABEL_SETS[label_set].values()], dtype=np.uint8)
