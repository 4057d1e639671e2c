"""Variants of the zoo: what each trains, and how. Architectures, training, studies and cards read this list.

It imports nothing by itself: networks and tasks are given by name, so that a command line need not wait for torch.
"""

from typing import Any, NamedTuple


class Reference(NamedTuple):
    authors: str
    title: str
    venue: str
    url: str

    def __str__(self) -> str:
        return f'{self.authors}, "{self.title}", {self.venue}, {self.url}'


class Variant(NamedTuple):
    streams: int
    """2 with the attention stream, 1 without."""
    contrastive: str
    """Loss on the clothing features, a key of `train.task.CONTRASTIVE`."""
    label: str
    """Name in tables."""
    paper: dict[str, dict[str, float]] = {}
    """Results of Table II in percent, by data set and mode; it gives no spread and no number of seeds."""
    masked: bool = False
    """The main stream sees the clothing-masked image."""
    family: str = ''
    """Its architectures are `ifd_FAMILY_BACKBONE` if they are its own; else they are those of IFD and the baseline."""
    network: str = ''
    """Class of its architectures, as MODULE:NAME; by default that of IFD or of the baseline."""
    task: str = 'train.task:JointTask'
    """Class of its losses in stage 2, as MODULE:NAME."""
    starts_late: bool = False
    """Some parameters of its task take no part in the losses of the first epochs."""
    settings: dict[str, Any] = {}
    """Fields of the training config that define the variant: they apply in every recipe."""
    recipe: dict[str, Any] = {}
    """The other settings of its paper: the recipe of the same name."""
    reference: Reference | None = None
    """Paper of a method other than IFD."""

    @property
    def sees_masks(self) -> bool:
        """Whether the network takes the clothing-masked image, in training and at test time."""
        return self.streams == 2 or self.masked

    @property
    def prefix(self) -> str:
        """Prefix of its architectures' names; the backbone follows."""
        return f'ifd_{self.family}_' if self.family else {1: 'ifd_baseline_', 2: 'ifd_'}[self.streams]


def _table_ii(prcc: tuple[float, float], ltcc: tuple[float, float]) -> dict[str, dict[str, float]]:
    return {name: dict(zip(('rank1', 'mAP'), row, strict=True)) for name, row in (('PRCC cc', prcc), ('LTCC cc', ltcc))}


VARIANTS = {
    'baseline': Variant(1, 'none', 'baseline', _table_ii((24.3, 11.2), (16.4, 9.2))),
    'ikt': Variant(2, 'none', 'w/ IKT', _table_ii((50.3, 49.2), (50.7, 24.6))),
    # Without the attention stream F_g replaces F_rg in F_c.
    'cbd': Variant(1, 'ccl', 'w/ CBD', _table_ii((51.2, 45.3), (49.6, 23.4))),
    'ifd_cl': Variant(2, 'supcon', 'IFD w/ CL', _table_ii((58.9, 52.3), (57.8, 30.6))),
    'ifd': Variant(2, 'ccl', 'IFD', _table_ii((65.3, 61.7), (64.3, 42.3))),
    'masked': Variant(1, 'none', 'one stream, clothes erased', masked=True),
    'pcb': Variant(
        1,
        'none',
        'PCB',
        family='pcb',
        network='ifd_zoo.models.pcb:PCB',
        settings={'optimizer': 'sgd', 'lr': 0.1, 'backbone_rate': 0.1, 'label_smoothing': 0.0},
        # The paper draws batches from all images; here persons are drawn in proportion to theirs.
        recipe={
            'backbone': 'resnet50',
            'size': (384, 128),
            'sampler': 'pk',
            'pid_draw': 'proportional',
            'num_pids': 16,
            'num_images': 4,
            'epochs': 60,
            'lr_drops': (2 / 3,),
            'crop': 0.0,
            'erasing': 0.0,
        },
        reference=Reference(
            'Sun, Zheng, Yang, Tian, Wang',
            'Beyond Part Models: Person Retrieval with Refined Part Pooling (and a Strong Convolutional Baseline)',
            'ECCV 2018',
            'https://arxiv.org/abs/1711.09349',
        ),
    ),
    'cal': Variant(
        1,
        'none',
        'CAL',
        family='cal',
        task='train.methods.cal:CALTask',
        starts_late=True,
        settings={'pool': 'max_avg'},
        # The rest is as for IFD, whose setting is that of CAL.
        recipe={'backbone': 'resnet50', 'sampler': 'pk', 'crop': 0.5, 'epochs': 60},
        reference=Reference(
            'Gu, Chang, Ma, Bai, Shan, Chen',
            'Clothes-Changing Person Re-identification with RGB Modality Only',
            'CVPR 2022',
            'https://arxiv.org/abs/2204.06890',
        ),
    ),
    'aim': Variant(
        1,
        'none',
        'AIM',
        family='aim',
        task='train.methods.aim:AIMTask',
        starts_late=True,
        settings={'pool': 'max_avg'},
        recipe={'backbone': 'resnet50', 'sampler': 'pk', 'crop': 0.5, 'num_pids': 4, 'epochs': 60},
        reference=Reference(
            'Yang, Lin, Zhong, Wu, Wang',
            'Good is Bad: Causality Inspired Cloth-debiasing for Cloth-changing Person Re-identification',
            'CVPR 2023',
            'https://github.com/BoomShakaY/AIM-CCReID',
        ),
    ),
    'student': Variant(
        1, 'ccl', 'IFD, fast (no masks)', family='student', network='ifd_zoo.models.student:Student',
        task='train.methods.student:StudentTask',
    ),
    # Without side information and jigsaw. Unlike the paper: DINOv2's small network instead of a base one of ImageNet,
    # the mean of the patch tokens instead of the class token, and no higher learning rate for biases.
    'transreid': Variant(
        1,
        'none',
        'TransReID baseline',
        settings={
            'backbone': 'vit_small_patch14_dinov2',
            'backbone_weights': 'imagenet',
            'optimizer': 'sgd',
            'lr': 0.008,
            'weight_decay': 1e-4,
            'triplet_weight': 1.0,
            'label_smoothing': 0.0,
            'feature': 'pooled',
        },
        recipe={
            'sampler': 'pk',
            'num_pids': 16,
            'num_images': 4,
            'epochs': 120,
            'schedule': 'cosine',
            'warmup_epochs': 5,
        },
        reference=Reference(
            'He, Luo, Wang, Wang, Li, Jiang',
            'TransReID: Transformer-based Object Re-Identification',
            'ICCV 2021',
            'https://arxiv.org/abs/2102.04378',
        ),
    ),
}
"""The five rows of Table II, a control (one stream, clothes erased), a student of IFD, and methods of other papers."""

NAMESAKES = {variant.prefix: name for name, variant in VARIANTS.items() if name in ('ifd', 'baseline', variant.family)}
"""Prefixes of architecture names to the variants that they are named after."""


def split_name(architecture: str) -> tuple[str, str]:
    """Return the variant and the backbone in an architecture's name; `ifd` and the whole name if it is not ours."""
    prefix = max(filter(architecture.startswith, NAMESAKES), key=len, default='ifd_')
    return NAMESAKES[prefix], architecture.removeprefix(prefix)
