"""Choices and defaults of flags, kept out of the modules that use them: those import torch, which takes seconds."""

import math

DEFAULT_MODEL = 'ifd_resnet10t.photos'
DEFAULT_BASELINE = 'ifd_baseline_resnet10t.photos'
"""Model that the default one is compared with."""
FAST_MODEL = 'ifd_student_resnet10t.photos'
"""Student of the default model, which needs no masks."""

SIXTEEN_BITS = ('bf16', 'fp16')
PRECISIONS = ('auto', 'fp32', *SIXTEEN_BITS)
"""Choices of a precision; `auto` selects one of the others, see `ifd_zoo.models.inference.choose_precision`."""
STORED = ('fp16', 'fp32')
"""Precisions in which a release can store its weights."""
APPROXIMATE = ('ivf_rq', 'ivf_pq', 'hnsw')
"""LanceDB's approximate indexes, which search only some of the rows."""
FOLDER_LABELS = ('none', 'folders', 'person', 'person/outfit')
"""How persons are read from paths: guessed from the names, or from a given folder level."""

LABEL_MAPS, NO_MASKS = 'label-maps', 'none'
"""Mask sources other than a parser or a folder: the label maps of the data set, and no masks."""
FILLS = ('black', 'mean', 'noise')
"""How erased pixels are filled, see `ifd_zoo.masks.erase`."""
MAPS_AT_ONCE = 64
"""Images per batch when the label maps of a data set are made."""

FEATURES: dict[str, dict[str, float]] = {
    'neck': {'neck': 1.0},
    'pooled': {'pooled': 1.0},
    'pooled+attention': {'pooled': 1.0, 'attention': math.sqrt(0.5)},
    'neck+pooled+attention': {'neck': 1.0, 'pooled': 1.0, 'attention': 1.0},
}
"""Test features: their parts with weights, as recorded in the field `feature` of a release."""
DEFAULT_FEATURE = 'neck'
"""Test feature of a model that records none."""

POOLS = ('avg', 'max_avg')
LAST_STRIDES = (1, 2)
CLOTHING_RESIZES = ('area', 'nearest')
"""How psi is resized to W_c."""
