"""One dataclass is the defaults, the command line and the record of a run; a recipe is a small difference to it."""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifd_zoo.datasets import DATASETS
from ifd_zoo.models.layers import POOLS
from ifd_zoo.parsing.labels import CLOTHING, class_indices
from ifd_zoo.parsing.masks import FILLS


class ConfigError(ValueError):
    """A value that no run can work with; the message names the field."""


RECIPES: dict[str, dict[str, Any]] = {
    'baseline': {'streams': 1, 'contrastive': 'none'},
    # Without the attention stream F_g takes the place of F_rg in F_c.
    'cbd': {'streams': 1, 'contrastive': 'ccl'},
    'ikt': {'streams': 2, 'contrastive': 'none'},
    'ifd_cl': {'streams': 2, 'contrastive': 'supcon'},
    'ifd': {'streams': 2, 'contrastive': 'ccl'},
}
"""Table II's five rows."""

CHOICES = {
    'recipe': tuple(RECIPES),
    'data': tuple(DATASETS),
    'contrastive': ('none', 'ccl', 'supcon'),
    'schedule': ('step', 'cosine'),
    'precision': ('fp32', 'bf16'),
    'fill': FILLS,
    'pool': POOLS,
    'streams': (1, 2),
}


def parse_size(text: str) -> tuple[int, int]:
    """`256x128` to (height, width)."""
    height, _, width = text.lower().partition('x')
    return int(height), int(width)


def parse_names(text: str) -> tuple[str, ...]:
    """`upper,lower` to names."""
    return tuple(name.strip() for name in text.split(',') if name.strip())


def parse_fractions(text: str) -> tuple[float, ...]:
    """`0.33,0.67` to numbers."""
    return tuple(float(part) for part in text.split(','))


def _option(default: Any, text: str, parse: Any = None) -> Any:
    return dataclasses.field(default=default, metadata={'help': text, 'parse': parse})


@dataclass(frozen=True)
class Config:
    """Everything that decides a training run."""

    root: Path = _option(None, 'folder of the data set')
    output: Path = _option(None, 'folder for checkpoints, log and the release')
    recipe: str = _option('ifd', "row of the paper's Table II")
    model: str = _option('ifd_resnet50', 'architecture, see ifd_zoo.hub.list_models()')
    data: str = _option('folder', 'data set reader')
    tag: str = _option('', 'names the release, as in ifd_resnet10t.TAG; default: the data set')
    streams: int = _option(2, 'set by the recipe: 2 with the attention stream, 1 without')
    contrastive: str = _option('ccl', 'set by the recipe: loss on the clothing features')

    stage1_epochs: int = _option(30, 'epochs of the attention stream alone')
    epochs: int = _option(60, 'epochs of the whole network')
    num_pids: int = _option(8, 'P: identities per batch')
    num_images: int = _option(8, 'K: images per identity')
    lr: float = _option(3.5e-4, 'learning rate of Adam')
    weight_decay: float = _option(5e-4, 'weight decay of Adam')
    schedule: str = _option('step', 'learning rate: step (x0.1 at the drops) or cosine')
    stage1_lr_drops: tuple[float, ...] = _option((0.5, 5 / 6), 'shares of stage 1 at which it drops', parse_fractions)
    lr_drops: tuple[float, ...] = _option((1 / 3, 2 / 3), 'shares of stage 2 at which it drops', parse_fractions)
    warmup_epochs: int = _option(0, 'epochs of linear warm-up at the start of each stage')

    tau: float = _option(0.1, 'temperature of the contrastive losses')
    T: float = _option(0.5, 'eq. 5: pairs in another outfit weigh 1/T')
    ccl_weight: float = _option(1.0, 'lambda of eq. 6')
    label_smoothing: float = _option(0.1, 'label smoothing of the identity losses')
    pool: str = _option('avg', 'pooling of the identity heads')
    detach_attention: bool = _option(False, 'keep the gradient of L_ID^m out of the attention stream')

    size: tuple[int, int] = _option((0, 0), "input HEIGHTxWIDTH; default: the architecture's own", parse_size)
    mask_classes: tuple[str, ...] = _option(CLOTHING, 'labels erased from the image', parse_names)
    clothing_classes: tuple[str, ...] = _option(CLOTHING, 'C of eq. 3: labels that psi covers', parse_names)
    fill: str = _option('black', 'what the erased pixels become')
    flip: float = _option(0.5, 'probability of mirroring')
    erasing: float = _option(0.5, 'probability of random erasing')
    jitter: float = _option(0.0, 'strength of colour jitter (image only)')

    imagenet: bool = _option(True, "start from the backbone's ImageNet weights (downloaded)")
    val_pids: int = _option(0, 'identities taken out of train for validation; 0: report the test split at the end')
    seed: int = _option(0, 'decides batches, augmentation and fresh weights')
    precision: str = _option('fp32', 'bf16: autocast, fast where the processor has it natively')
    device: str = _option('', 'cpu, cuda ...; default: cuda when there is one')
    workers: int = _option(2, 'processes that load images')

    def __post_init__(self) -> None:
        for name in ('root', 'output'):
            if getattr(self, name) is None:
                raise ConfigError(f'{name}: required, give --{name} DIR')
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f'{name}: must be one of {", ".join(map(str, choices))}, got {getattr(self, name)!r}')
        for name in ('epochs', 'num_pids', 'num_images', 'lr', 'tau', 'T'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name}: must be positive, got {getattr(self, name)}')
        for name in ('stage1_epochs', 'warmup_epochs', 'val_pids', 'workers', 'weight_decay', 'ccl_weight', 'seed'):
            if getattr(self, name) < 0:
                raise ConfigError(f'{name}: must not be negative, got {getattr(self, name)}')
        for name in ('flip', 'erasing', 'jitter', 'label_smoothing'):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f'{name}: must be in [0, 1], got {getattr(self, name)}')
        for name in ('mask_classes', 'clothing_classes'):
            try:
                class_indices(getattr(self, name))
            except ValueError as error:
                raise ConfigError(f'{name}: {error}') from error

    def to_record(self) -> dict[str, Any]:
        """JSON values of everything but the folders, which belong to one machine."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in ('root', 'output')}


def parse_args(argv: list[str] | None) -> tuple[Config, bool]:
    """The run's config, and whether to resume. Exits with status 2 and the field's name when a value is impossible."""
    parser = argparse.ArgumentParser('train/run.py', description='Train a model of the IFD zoo.', allow_abbrev=False)
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint in --output')
    for field in dataclasses.fields(Config):
        _add_argument(parser, field)
    given = vars(parser.parse_args(argv))
    resume = given.pop('resume')
    try:
        recipe = RECIPES.get(given.get('recipe', 'ifd'), {})
        clash = sorted(name for name in recipe if name in given and given[name] != recipe[name])
        if clash:
            raise ConfigError(f'{clash[0]}: set by the recipe {given.get("recipe", "ifd")!r}, leave it out')
        return Config(**{**recipe, **given}), resume
    except ConfigError as error:
        parser.error(str(error))


def to_flags(config: Config) -> list[str]:
    """The command line that gives this config again; folders, which belong to one machine, as DIR."""
    flags = ['--root', 'DIR', '--output', 'DIR']
    from_recipe = RECIPES[config.recipe]
    for field in dataclasses.fields(Config):
        value, flag = getattr(config, field.name), '--' + field.name.replace('_', '-')
        if field.default is None or field.name in from_recipe or value == field.default:
            continue
        if isinstance(value, bool):
            flags.append(flag if value else flag.replace('--', '--no-', 1))
        elif isinstance(value, tuple):
            flags += [flag, ('x' if field.name == 'size' else ',').join(map(str, value))]
        else:
            flags += [flag, str(value)]
    return flags


def _add_argument(parser: argparse.ArgumentParser, field: dataclasses.Field) -> None:
    flag, text = '--' + field.name.replace('_', '-'), field.metadata['help']
    if isinstance(field.default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        return
    convert = field.metadata['parse'] or (Path if field.default is None else type(field.default))
    parser.add_argument(flag, type=convert, default=argparse.SUPPRESS, help=text, choices=CHOICES.get(field.name))
