"""What the fields of `train.config.Config` may be."""

from ifd_zoo.choices import CLOTHING_RESIZES, FEATURES, FILLS, LAST_STRIDES, POOLS, PRECISIONS
from ifd_zoo.datasets import DATASETS
from train.recipes import RECIPES, VARIANTS
from train.sampler import PID_DRAWS, SAMPLERS

CHOICES = {
    'recipe': tuple(RECIPES),
    'variant': tuple(VARIANTS),
    'data': tuple(DATASETS),
    'sampler': tuple(SAMPLERS),
    'pid_draw': PID_DRAWS,
    'schedule': ('step', 'cosine'),
    'precision': PRECISIONS,
    'device': ('auto', 'cpu', 'cuda'),
    'fill': FILLS,
    'feature': tuple(FEATURES),
    'pool': POOLS,
    'last_stride': LAST_STRIDES,
    'clothing_resize': CLOTHING_RESIZES,
}
"""The values of a field."""

NOT_NEGATIVE = (
    'stage1_epochs', 'warmup_epochs', 'max_appearances', 'weight_decay', 'T_end', 'ccl_weight', 'triplet_weight',
    'backbone_rate', 'attention_rate', 'photo_weight', 'person_weight', 'off_person_weight', 'val_pids', 'seed',
    'workers', 'checkpoint_steps', 'picture_epochs',
)
"""Numbers of at least 0."""
SHARES = (
    'flip', 'erasing', 'jitter', 'camera', 'recolour', 'background', 'label_smoothing', 'crop', 'ccl_warmup',
)
"""Numbers in [0, 1]."""
