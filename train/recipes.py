"""Recipes: presets that change some defaults of `train/config.py`."""

from typing import Any

from ifd_zoo.common.variants import VARIANTS

SOURCE = 'Table II of arXiv:2501.05851'
SETTING = 'ResNet-50, on PRCC and LTCC'

# There are no pretrained weights to preserve, hence a larger rate that falls to the end. bf16 halves the time on CPUs
# that support it, with losses equal to four digits (train/EXPERIMENTS.md); on others it is ten times as slow as fp32.
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

# Also positives in the same clothes, and less weight on those in other clothes: the model should serve both searches.
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
    # Neither data set has masks that may be redistributed: a first run parses the images; --maps keeps the label maps.
    'prcc': {'data': 'prcc', 'masks': 'bundled'},
    'ltcc': {'data': 'ltcc', 'masks': 'bundled'},
    # The bundled models: 1,000 rendered people. With many people per batch, weights pretrained on people and a large
    # rate, the identity losses leave their initial plateau after one epoch instead of four; the rate was chosen on
    # held-out people (train/EXPERIMENTS.md).
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
    # Continues from `synthetic` on 2,000 people in eight outfits, two views of each, with exact masks: made by
    # `python -m ifd_zoo.synthetic --ids 2000 --test-ids 0 --outfits 8 --views 2`.
    'outfits': _OUTFITS,
    # Continues from `outfits` with `--photos DIR`, each a person in two outfits, and camera effects.
    'photos': _PHOTOS,
    # Continues from a run of `photos` by `--init OUTPUT`: no release of that run is bundled.
    'photos_192': {
        **_PHOTOS,
        'init': '',
        'size': (192, 96),
        'lr': 5e-4,
        'epochs': 3,
        'ccl_weight': 0.25,
    },
    # Small enough for five variants with three seeds each on a CPU.
    'ablation': {**_FROM_SCRATCH_ON_CPU, 'stage1_epochs': 5, 'epochs': 20, 'tag': 'ablation'},
    # All rows of a study have the same start, a baseline that has converged, and the loss over persons: without both, a
    # short run does not leave the plateau. So rows differ by what each adds to that baseline. Two views of two outfits
    # of each person, so that batches also hold positives in the same clothes.
    'controls': {
        **_FROM_SCRATCH_ON_CPU,
        'backbone_weights': 'ifd_baseline_resnet10t.photos',
        'lr': 2e-3,
        'num_pids': 16,
        'num_images': 4,
        'max_appearances': 2,
        'stage1_epochs': 1,
        'epochs': 3,
        'person_weight': 1.0,
        'ccl_warmup': 0.3,
        'crop': 0.5,
        'tag': 'controls',
    },
    # Starts from the main stream of `--teacher`. Clothes are recoloured for the student, not for the teacher; the
    # teacher's answers weigh more than the identities, and the photos of `--photos DIR` are learnt from them alone.
    'student': {
        **_FROM_SCRATCH_ON_CPU,
        'variant': 'student',
        'size': (192, 96),
        'num_pids': 16,
        'num_images': 4,
        'max_appearances': 2,
        'num_photos': 6,
        'epochs': 5,
        'warmup_epochs': 0,
        'ccl_weight': 0.25,
        'attention_weight': 4.0,
        'embedding_weight': 4.0,
        'similarity_weight': 20.0,
        'photo_weight': 0.0,
        'crop': 0.5,
        'camera': 0.3,
        'background': 0.2,
        'recolour': 0.4,
        'tag': 'photos',
    },
    # Settings from the papers of other methods.
    **{name: {'variant': name, **variant.recipe} for name, variant in VARIANTS.items() if variant.recipe},
}


def preset(recipe: str | None, variant: str | None) -> dict[str, Any]:
    """Return the config fields that a recipe and a variant change; the variant takes precedence.

    Args:
        recipe: key of `RECIPES`; None: the defaults.
        variant: key of `VARIANTS`; None: that of the recipe, or the default.
    """
    fields = RECIPES[recipe] if recipe else {}
    name = variant or fields.get('variant')
    return {**fields, **(VARIANTS[name].settings if name else {})}
