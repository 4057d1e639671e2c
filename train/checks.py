"""Checks of a config for runs that could not learn, before anything is computed."""

from ifd_zoo.labels import class_indices
from ifd_zoo.parsing.mask_source import NO_MASKS
from train.config import Config, ConfigError
from train.recipes import VARIANTS


def check_flags(config: Config, num_processes: int) -> None:
    """Refuse batches that cannot be normalised, a clothing loss of 0, and weights, teacher or masks that do not fit.

    Raises:
        ConfigError: the message names the field.
    """
    images = config.num_pids * config.num_images // (1 if config.sync_bn else num_processes)
    if images < 2:
        where = '' if num_processes == 1 else f' in each of {num_processes} processes'
        raise ConfigError(
            f'num_pids, num_images: a batch of {images} image{where} cannot be normalised; raise --num-pids or '
            '--num-images'
        )
    if config.init and config.backbone_weights != 'none':
        raise ConfigError('init: includes the weights of the backbones; leave --backbone-weights out')
    if (config.variant == 'student') != bool(config.teacher):
        raise ConfigError('teacher: needed and used by the variant student only; give --teacher NAME|FOLDER|FILE.onnx')
    if VARIANTS[config.variant].masked and config.masks == NO_MASKS:
        raise ConfigError(f'masks: the variant {config.variant} sees the image with its clothes erased; give masks')
    if config.contrastive != 'none':
        _check_clothing_loss(config)


def _check_clothing_loss(config: Config) -> None:
    """Refuse a clothing loss without clothing, or without several images of a person and of other people to compare."""
    without = ', '.join(name for name, variant in VARIANTS.items() if variant.contrastive == 'none')
    remedy = f'or a variant without clothing loss (--variant {without})'
    if config.masks == NO_MASKS:
        raise ConfigError(
            f'masks: with {NO_MASKS} the clothing loss of the variant {config.variant} would always be 0; give masks, '
            f'{remedy}'
        )
    if not class_indices(config.clothing_classes):
        raise ConfigError(f'clothing_classes: the variant {config.variant} needs at least one, {remedy}')
    for name in ('num_pids', 'num_images'):
        if getattr(config, name) < 2:
            raise ConfigError(f'{name}: the clothing loss of the variant {config.variant} needs at least 2, {remedy}')
