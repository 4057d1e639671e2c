"""Values that flags may have, kept apart from the modules behind them: those import torch, which takes seconds."""

import math

DEFAULT_MODEL = 'ifd_resnet10t.photos'
DEFAULT_BASELINE = 'ifd_baseline_resnet10t.photos'
"""What it is shown beside."""

SIXTEEN_BITS = ('bf16', 'fp16')
PRECISIONS = ('auto', 'fp32', *SIXTEEN_BITS)
"""What can be asked for; `auto` stands for one of the others, see `ifd_zoo.models.inference.choose_precision`."""
STORED = ('fp16', 'fp32')
"""How weights are stored in a release."""
APPROXIMATE = ('ivf_rq', 'ivf_pq', 'hnsw')
"""Indexes of LanceDB that look at some rows only."""
FOLDER_LABELS = ('none', 'folders', 'person', 'person/outfit')
"""Which folder above a picture in an index is called after the person: that which the names tell, or as is said."""

LABEL_MAPS, NO_MASKS = 'label-maps', 'none'
"""Sources of masks beside parsers and folders: those of the data set, and nothing."""
FILLS = ('black', 'mean', 'noise')
"""What erased pixels become, see `ifd_zoo.masks.erase`."""
MAPS_AT_ONCE = 64
"""Images that are parsed together where label maps are made for a data set."""

FEATURES: dict[str, dict[str, float]] = {
    'neck': {'neck': 1.0},
    'pooled': {'pooled': 1.0},
    'pooled+attention': {'pooled': 1.0, 'attention': math.sqrt(0.5)},
    'neck+pooled+attention': {'neck': 1.0, 'pooled': 1.0, 'attention': 1.0},
}
"""Test features: the parts and their weights, as a release records them in its field `feature`."""
DEFAULT_FEATURE = 'neck'
"""Test feature of a model that records none."""

POOLS = ('avg', 'max_avg')
LAST_STRIDES = (1, 2)
CLOTHING_RESIZES = ('area', 'nearest')
"""How psi becomes W_c."""
