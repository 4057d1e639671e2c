"""Settings, each a small difference to the defaults of `train/config.py`."""

from typing import Any

from ifd_zoo.variants import VARIANTS

SOURCE = 'Table II of arXiv:2501.05851'
SETTING = 'ResNet-50, on PRCC and LTCC'

# From scratch there is nothing to preserve: a larger rate that falls to the end. bf16 halves the time on CPUs that have
# it and left the losses equal to four digits (train/EXPERIMENTS.md); on others it would take ten times as long as fp32.
_FROM_SCRATCH_ON_CPU: dict[str, Any] = {
    'backbone': 'resnet10t',
    'backbone_weights': 'none',
    'size': (128, 64),
    'lr': 1e-3,
    'schedule': 'cosine',
    'warmup_epochs': 1,
    'precision': 'auto',
    'tag': 'synthetic',
}

_OUTFITS: dict[str, Any] = {
    **_FROM_SCRATCH_ON_CPU,
    'init': 'ifd_resnet10t.synthetic',
    'lr': 2e-3,
    'num_pids': 16,
    'num_images': 4,
    'stage1_epochs': 0,
    'epochs': 8,
    'person_weight': 1.0,
    'ccl_warmup': 0.3,
    'crop': 0.5,
    'tag': 'outfits',
}

# Positives in the same clothes, too, and less weight on those in others: both kinds of search are wanted.
_PHOTOS: dict[str, Any] = {
    **_OUTFITS,
    'init': 'ifd_resnet10t.outfits',
    'epochs': 6,
    'max_appearances': 2,
    'ccl_warmup': 0.0,
    'ccl_weight': 0.4,
    'off_person_weight': 1.0,
    'num_photos': 6,
    'camera': 0.3,
    'recolour': 0.2,
    'background': 0.2,
    'tag': 'photos',
}

RECIPES: dict[str, dict[str, Any]] = {
    # The defaults are the paper's setting: ResNet-50 with ImageNet weights at 384x192, batches of 64.
    'paper': {},
    # Neither set comes with masks that may be redistributed: parsed at the start of a first run, kept with --maps.
    'prcc': {'data': 'prcc', 'masks': 'bundled'},
    'ltcc': {'data': 'ltcc', 'masks': 'bundled'},
    # The bundled models: 1,000 rendered people. With many people in a batch, weights that have seen people before and a
    # large rate, the identity losses leave the plateau on which they start in one epoch in place of four; the rate was
    # chosen on people kept out of the training (train/EXPERIMENTS.md).
    'synthetic': {
        **_FROM_SCRATCH_ON_CPU,
        'backbone_weights': 'parser',
        'masks': 'bundled_resnet10t',
        'lr': 4e-3,
        'num_pids': 16,
        'num_images': 4,
        'stage1_epochs': 2,
        'epochs': 10,
    },
    # From there, on 2,000 people in eight outfits, two views of each, with exact masks: made by `python -m
    # ifd_zoo.synthetic --ids 2000 --test-ids 0 --outfits 8 --views 2`.
    'outfits': _OUTFITS,
    # From there, with `--photos DIR`, each a person in two outfits; rendered people look as cameras see them.
    'photos': _PHOTOS,
    # From a run of that, `--init OUTPUT`: no release of it is bundled.
    'photos_192': {
        **_PHOTOS,
        'init': '',
        'size': (192, 96),
        'lr': 5e-4,
        'epochs': 3,
        'ccl_weight': 0.25,
    },
    # Five variants times three seeds on two cores in an afternoon.
    'ablation': {**_FROM_SCRATCH_ON_CPU, 'stage1_epochs': 5, 'epochs': 20, 'tag': 'ablation'},
    # One start for every row of a study, and the loss over persons in all of them: without both, 1,000 steps do not
    # leave the plateau. Two views of two outfits of each person: batches hold positives in the same clothes, too.
    'controls': {
        **_FROM_SCRATCH_ON_CPU,
        'backbone_weights': 'ifd_baseline_resnet10t.synthetic',
        'lr': 2e-3,
        'num_pids': 16,
        'num_images': 4,
        'max_appearances': 2,
        'stage1_epochs': 2,
        'epochs': 14,
        'person_weight': 1.0,
        'ccl_warmup': 0.3,
        'crop': 0.5,
        'tag': 'controls',
    },
    # From the main stream of a trained model, with clothes in other colours that the teacher is not shown; of photos
    # nobody knows more than what the teacher says.
    'student': {
        **_FROM_SCRATCH_ON_CPU,
        'variant': 'student',
        'num_pids': 16,
        'num_images': 4,
        'epochs': 10,
        'crop': 0.5,
        'recolour': 0.5,
        'photo_weight': 0.0,
    },
    # Those of other methods' papers.
    **{name: {'variant': name, **variant.recipe} for name, variant in VARIANTS.items() if variant.recipe},
}


def preset(recipe: str | None, variant: str | None) -> dict[str, Any]:
    """What stands in place of the defaults of the training config: of the recipe, and over it of the variant.

    Args:
        recipe: of `RECIPES`; None: no other than the default.
        variant: of `VARIANTS`; None: that of the recipe, or the default.
    """
    fields = RECIPES[recipe] if recipe else {}
    name = variant or fields.get('variant')
    return {**fields, **(VARIANTS[name].settings if name else {})}
