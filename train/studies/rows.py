"""Studies: their rows, and the settings of each row."""

import argparse
import dataclasses
import math
from typing import Any

from ifd_zoo.common.choices import NO_MASKS
from train.config import Config
from train.recipes import VARIANTS

DEFAULTS: dict[str, Any] = {'sampler': 'proportional_ras', 'T': 0.5, 'ccl_unit_mean': False}
"""Settings of a row of a study unless `ROW_SETTINGS` changes them."""

DISTILLATION_TERMS = ('logit', 'attention', 'embedding', 'similarity')
"""Terms of the loss against a student's teacher, each with a weight in the training config."""

ROW_SETTINGS: dict[str, dict[str, Any]] = {
    **{variant: {'variant': variant} for variant in VARIANTS},
    **{f'ifd-{sampler}': {'variant': 'ifd', 'sampler': sampler} for sampler in ('fixed_ras', 'pk')},
    **{f'ifd-T{T:g}': {'variant': 'ifd', 'T': T} for T in (1.0, 0.25)},
    'ikt-no_masks': {'variant': 'ikt', 'masks': NO_MASKS},
    'ifd-unit_mean': {'variant': 'ifd', 'ccl_unit_mean': True},
    'baseline-equal': {'variant': 'baseline', 'equal_compute': True},
    **{f'student-no_{name}': {'variant': 'student', f'{name}_weight': 0.0} for name in (*DISTILLATION_TERMS, 'ccl')},
    'student-untaught': {'variant': 'student', **{f'{name}_weight': 0.0 for name in DISTILLATION_TERMS}},
}
"""Settings of each row by its name, as in the folders of the runs. Studies share the runs of rows that they share.

`equal_compute` lets a single stream see as many images as both streams of the others together, stage 1 included.
"""

STUDIES = {
    'components': {name: variant.label for name, variant in VARIANTS.items() if variant.paper},
    'sampler': {'ifd-pk': 'P×K', 'ifd-fixed_ras': 'fixed RAS', 'ifd': 'proportional RAS'},
    'temperature': {'ifd-T1': 'T = 1', 'ifd': 'T = 0.5', 'ifd-T0.25': 'T = 0.25'},
    'controls': {
        'baseline': 'baseline',
        'baseline-equal': 'baseline, compute of two streams',
        'masked': VARIANTS['masked'].label,
        'ikt-no_masks': 'w/ IKT, nothing erased',
        'ikt': 'w/ IKT',
        'ifd_cl': 'IFD w/ CL',
        'ifd-T1': 'IFD, T = 1',
        'ifd-unit_mean': 'IFD, mean weight 1',
        'ifd': 'IFD',
    },
    'methods': {
        'ifd': 'IFD',
        'baseline': 'baseline',
        'masked': VARIANTS['masked'].label,
        'ikt-no_masks': 'two streams, nothing erased',
        **{name: variant.label for name, variant in VARIANTS.items() if variant.reference},
    },
    'student': {
        'student': 'student',
        'student-no_logit': "without the teacher's identity scores",
        'student-no_attention': "without the teacher's W_I",
        'student-no_embedding': "without the teacher's embedding",
        'student-no_similarity': "without the teacher's similarities",
        'student-no_ccl': 'without the clothing contrastive loss',
        'student-untaught': 'none of the four',
    },
}
"""Rows of each study: label by name, a key of `ROW_SETTINGS`."""

STEPS = {
    'a second stream': ('baseline', 'ikt-no_masks'),
    'erasing the clothes in it': ('ikt-no_masks', 'ikt'),
    'the main stream, beside the masked one': ('masked', 'ikt'),
    'CBD with a supervised contrastive loss': ('ikt', 'ifd_cl'),
    'CCL in place of that loss': ('ifd_cl', 'ifd'),
    'T = 0.5 in place of 1': ('ifd-T1', 'ifd'),
    'the mean weight of CCL': ('ifd-unit_mean', 'ifd'),
}
"""What the second of two rows adds to the first, for studies that have both."""

COMPARED = ('controls', 'methods')
"""Studies whose rows are compared query by query."""


def settings(arm: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the config fields that a row sets; `given` holds the recipe and flags that the rows share."""
    given = {field.name: field.default for field in dataclasses.fields(Config)} | given
    own = dict(ROW_SETTINGS[arm])
    epochs = int(given['epochs'])
    if own.pop('equal_compute', False):
        epochs = 2 * epochs + int(given['stage1_epochs'])
    method = VARIANTS[own['variant']].settings
    return DEFAULTS | {'masks': given['masks'], 'epochs': epochs} | method | own


def default_rate(arm: str, given: dict[str, Any]) -> float:
    """Return the default learning rate of a row; `given` as for `settings`."""
    return float((given | settings(arm, given)).get('lr', Config.lr))


def rate(text: str) -> tuple[str, float]:
    """Parse `cal=1e-3` to a row and its learning rate. Raises argparse.ArgumentTypeError."""
    arm, _, number = text.partition('=')
    try:
        if arm in ROW_SETTINGS and 0 < float(number) < math.inf:
            return arm, float(number)
    except ValueError:
        pass  # raised below
    raise argparse.ArgumentTypeError(f'ROW=RATE, as in cal=1e-3, with a row of {", ".join(ROW_SETTINGS)}; got {text!r}')
