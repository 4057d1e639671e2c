"""Config of a training run: defaults, command line (see `train.flags`) and record in one dataclass."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifd_zoo.common import cli
from ifd_zoo.common.choices import (
    CLOTHING_RESIZES,
    DEFAULT_FEATURE,
    FEATURES,
    FILLS,
    LABEL_MAPS,
    LAST_STRIDES,
    NO_MASKS,
    POOLS,
    PRECISIONS,
)
from ifd_zoo.common.errors import ZooError
from ifd_zoo.datasets import DATASETS
from ifd_zoo.labels import CLOTHING, class_indices
from train.recipes import RECIPES, VARIANTS
from train.sampler import PID_DRAWS, SAMPLERS

CHOICES = {
    'recipe': tuple(RECIPES),
    'variant': tuple(VARIANTS),
    'data': tuple(DATASETS),
    'sampler': tuple(SAMPLERS),
    'pid_draw': PID_DRAWS,
    'optimizer': ('adam', 'sgd'),
    'schedule': ('step', 'cosine'),
    'precision': PRECISIONS,
    'device': ('auto', 'cpu', 'cuda'),
    'fill': FILLS,
    'feature': tuple(FEATURES),
    'pool': POOLS,
    'last_stride': LAST_STRIDES,
    'clothing_resize': CLOTHING_RESIZES,
}
"""Allowed values of a field."""

NOT_NEGATIVE = (
    'stage1_epochs', 'warmup_epochs', 'max_appearances', 'weight_decay', 'T_end', 'ccl_weight', 'triplet_weight',
    'backbone_rate', 'attention_rate', 'photo_weight', 'person_weight', 'off_person_weight', 'val_pids', 'seed',
    'workers', 'checkpoint_steps', 'picture_epochs', 'logit_weight', 'attention_weight', 'embedding_weight',
    'similarity_weight',
)
"""Fields that must be at least 0."""
SHARES = (
    'flip', 'erasing', 'jitter', 'camera', 'recolour', 'background', 'label_smoothing', 'crop', 'ccl_warmup',
)
"""Fields that must be in [0, 1]."""


class ConfigError(ZooError, ValueError):
    """An invalid value; the message names the field."""


def parse_names(text: str) -> tuple[str, ...]:
    """Split `upper,lower` into names."""
    return tuple(name.strip() for name in text.split(',') if name.strip())


def parse_fractions(text: str) -> tuple[float, ...]:
    """Split `0.33,0.67` into numbers."""
    return tuple(float(part) for part in text.split(','))


def option(default: Any, text: str, parse: Any = None, here: bool = False) -> Any:
    """Declare a field with its help; `here` marks fields of one machine or session that do not affect the result."""
    return dataclasses.field(default=default, metadata={'help': text, 'parse': parse, 'here': here})


@dataclass(frozen=True)
class Config:
    """Everything that decides a training run."""

    root: Path = option(None, 'folder of the data set', here=True)
    output: Path = option(None, 'folder for checkpoints, logs and the release', here=True)
    recipe: str = option('paper', 'preset of the other flags, see train/recipes.py')
    variant: str = option('ifd', "row of the paper's Table II, or another method")
    backbone: str = option('resnet50', 'name after ifd_ in ifd_zoo.list_models(), or any backbone of timm')
    backbone_weights: str = option('imagenet', 'imagenet (timm, Hub), parser (encoder), none, a file, a trained model')
    init: str = option('', 'trained model to start from: a name, a folder (also of a run) or hf-hub:org/name')
    data: str = option('folder', 'data set reader')
    masks: str = option(LABEL_MAPS, f'{LABEL_MAPS} of the data set, {NO_MASKS}, a parser, or a folder of label maps')
    maps: Path = option(Path(), 'folder for the label maps of a parser; default: OUTPUT/maps', here=True)
    photos: str = option('', 'folder of photos, each treated as a separate person and shown in two outfits per batch')
    num_photos: int = option(8, 'photos per batch, over all processes, with --photos')
    photo_weight: float = option(0.4, 'weight of the contrastive losses over photos')
    teacher: str = option('', 'teacher of the student: a model as for --init, or an ONNX file from image to vector')
    tag: str = option('', 'suffix of the release name, as in ifd_resnet10t.TAG; default: the data set')

    stage1_epochs: int = option(30, 'epochs of the attention stream alone')
    epochs: int = option(60, 'epochs of the whole network')
    sampler: str = option('proportional_ras', 'how the images of a person are drawn')
    num_pids: int = option(8, 'P: identities per batch, over all processes')
    num_images: int = option(8, 'K: images per identity')
    pid_draw: str = option('even', 'how often a person is drawn: even, or proportional to the number of its images')
    max_appearances: int = option(0, 'maximum number of outfits per person and batch; 0: as many as fit')
    accumulate: int = option(1, 'batches per optimiser step; the contrastive losses see one batch')
    optimizer: str = option('adam', 'adam, or sgd with momentum 0.9')
    lr: float = option(3.5e-4, 'learning rate')
    weight_decay: float = option(5e-4, 'weight decay')
    schedule: str = option('step', 'learning rate schedule: step (x0.1 at the drops) or cosine')
    stage1_lr_drops: tuple[float, ...] = option((0.5, 5 / 6), 'shares of stage 1 where the rate drops', parse_fractions)
    lr_drops: tuple[float, ...] = option((1 / 3, 2 / 3), 'shares of stage 2 where the rate drops', parse_fractions)
    warmup_epochs: int = option(0, 'epochs of linear warm-up at the start of each stage')
    backbone_rate: float = option(1.0, 'learning rate of the backbones, as a multiple of --lr')
    attention_rate: float = option(1.0, 'learning rate of the attention stream in stage 2, as a multiple of --lr')

    tau: float = option(0.1, 'temperature of the contrastive losses')
    T: float = option(0.5, 'eq. 5: positives in different outfits weigh 1/T')
    T_end: float = option(0.0, 'value that T reaches linearly over stage 2; 0: T stays constant')
    ccl_weight: float = option(1.0, 'lambda of eq. 6')
    ccl_warmup: float = option(0.0, 'share of stage 2 over which lambda rises from 0')
    ccl_unit_mean: bool = option(False, 'divide the weights of eq. 5 by their mean in the batch')
    triplet_weight: float = option(0.0, 'weight of a batch-hard triplet loss on the vector before the BN neck')
    person_weight: float = option(0.0, 'weight of a supervised contrastive loss over persons, after the BN neck')
    off_person_weight: float = option(0.0, 'weight of the share of W_I outside the person')
    logit_weight: float = option(1.0, "student: weight of the teacher's identity scores")
    logit_T: float = option(4.0, 'student: temperature of the identity scores')
    attention_weight: float = option(1.0, "student: weight of the squared difference to the teacher's W_I")
    embedding_weight: float = option(1.0, "student: weight of 1 - cosine to the teacher's embedding")
    similarity_weight: float = option(1.0, 'student: weight of the squared difference of similarities within a batch')
    label_smoothing: float = option(0.1, 'label smoothing of the identity losses')
    pool: str = option('avg', 'pooling of the identity heads')
    last_stride: int = option(1, "last stride of the backbone; 1 doubles the feature map's sides")
    neck_affine: bool = option(True, 'BN necks with gain and bias')
    ikt_kernel: int = option(7, 'kernel size of the convolution of eq. 1')
    clothing_resize: str = option('area', 'how psi becomes W_c')
    clothing_normalize: bool = option(True, 'scale f_c to unit length')
    detach_attention: bool = option(False, 'keep the gradient of L_ID^m out of the attention stream')

    size: tuple[int, int] = option((0, 0), "input HEIGHTxWIDTH; default: the architecture's own", cli.size)
    mask_classes: tuple[str, ...] = option(CLOTHING, 'labels to erase, or sets of them like with_hat', parse_names)
    clothing_classes: tuple[str, ...] = option(CLOTHING, 'C of eq. 3: labels that psi covers', parse_names)
    fill: str = option('black', 'fill of the erased pixels')
    crop_scale: float = option(1.125, 'images are resized to this multiple of the input size and cropped')
    crop: float = option(1.0, 'probability of this crop; other images are resized to the input size')
    flip: float = option(0.5, 'probability of a horizontal flip')
    erasing: float = option(0.5, 'probability of random erasing')
    jitter: float = option(0.0, 'strength of colour jitter (image only)')
    camera: float = option(0.0, 'probability of camera effects: light, noise, resolution and compression')
    recolour: float = option(0.0, 'probability of recolouring the garments')
    background: float = option(0.0, 'probability of replacing the background by that of another image')
    feature: str = option(DEFAULT_FEATURE, 'parts of the test feature, recorded in the release')
    test_flip: bool = option(True, 'include the mirror image in the test feature')

    val_pids: int = option(0, 'identities held out of train for validation; 0: report the test split at the end')
    seed: int = option(0, 'seed of batches, augmentation and fresh weights')
    ema_decay: float = option(0.0, 'decay of the exponential average of weights to release; 0: the last weights')
    precision: str = option('fp32', 'bf16, fp16: autocast; auto: the fastest on the device')
    sync_bn: bool = option(False, 'batch normalisation over all processes (GPUs only)')
    compile: bool = option(False, 'torch.compile of the backbones')
    device: str = option('auto', 'auto: a GPU when there is one', here=True)
    workers: int = option(2, 'processes that load images', here=True)
    checkpoint_steps: int = option(0, 'batches between checkpoints; 0: after each epoch', here=True)
    picture_epochs: int = option(5, 'epochs between pictures of the attention maps; 0: none', here=True)

    def __post_init__(self) -> None:
        for name in ('root', 'output'):
            if getattr(self, name) is None:
                raise ConfigError(f'{name}: required, give --{name} DIR')
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f'{name}: must be one of {", ".join(map(str, choices))}, got {getattr(self, name)!r}')
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(math.isfinite(number) for number in numbers if isinstance(number, float)):
                raise ConfigError(f'{name}: must be finite, got {value}')
        for name in ('epochs', 'num_pids', 'num_images', 'accumulate', 'lr', 'tau', 'T', 'logit_T'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name}: must be positive, got {getattr(self, name)}')
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ConfigError(f'{name}: must not be negative, got {getattr(self, name)}')
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f'{name}: must be in [0, 1], got {getattr(self, name)}')
        for name in ('mask_classes', 'clothing_classes'):
            try:
                class_indices(getattr(self, name))
            except ValueError as error:
                raise ConfigError(f'{name}: {error}') from error
        if self.precision == 'auto':
            # Record the precision used, so that the same command gives the same weights on another machine.
            object.__setattr__(self, 'precision', self._native_precision())
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f'ema_decay: must be at least 0 and below 1, got {self.ema_decay}')
        if 'attention' in FEATURES[self.feature] and self.streams == 1:
            raise ConfigError(f'feature: variant {self.variant} has no attention stream for {self.feature}')
        if self.crop_scale < 1:
            raise ConfigError(f'crop_scale: must be at least 1, got {self.crop_scale}')
        if self.ikt_kernel % 2 != 1:
            raise ConfigError(f'ikt_kernel: must be odd, got {self.ikt_kernel}')
        if any(self.size) and min(self.size) < 32:
            raise ConfigError(f'size: sides must be at least 32 pixels, got {"x".join(map(str, self.size))}')

    def _native_precision(self) -> str:
        import torch  # slow; invalid flags should be refused before it

        from ifd_zoo.models.inference import native_precision

        return native_precision('cuda' if self.device != 'cpu' and torch.cuda.is_available() else 'cpu')

    @property
    def streams(self) -> int:
        return VARIANTS[self.variant].streams

    @property
    def contrastive(self) -> str:
        return VARIANTS[self.variant].contrastive

    @property
    def needs_masks(self) -> bool:
        changed = self.recolour or self.background or self.photos
        return bool(VARIANTS[self.variant].sees_masks or self.contrastive != 'none' or changed)

    @property
    def model(self) -> str:
        """Name of the architecture in the zoo."""
        return VARIANTS[self.variant].prefix + self.backbone

    def to_record(self) -> dict[str, Any]:
        """Return everything that decides the result, as JSON values."""
        fields = [field for field in dataclasses.fields(self) if not field.metadata['here']]
        record = {field.name: portable(self, field) for field in fields}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in record.items()}


def portable(config: Config, field: dataclasses.Field) -> Any:
    """Return the value of a field for records and commands: of files and folders of this machine only the name."""
    from ifd_zoo.parsing.registry import portable_name  # imports torch, as above

    value = getattr(config, field.name)
    # The name of a file or folder is all that means anything on another machine.
    if field.name in ('masks', 'init', 'teacher'):
        return portable_name(value)
    return Path(value).name if value and field.name in ('backbone_weights', 'photos') else value


