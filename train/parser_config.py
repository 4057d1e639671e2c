"""What a training of the parser is told: defaults, command line and record."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

from ifd_zoo.cli import ArgumentParser


@dataclass
class Config:
    """Defaults, command line and record of a run; `size` is heightxwidth, `threads` 0 leaves torch's choice."""

    rendered: Path = field(metadata={'help': 'folder of rendered people with exact label maps'})
    output: Path = field(metadata={'help': 'folder for checkpoint, config.json and model.safetensors'})
    photos: Path | None = field(default=None, metadata={'help': 'folder in the layout of Clothing Co-Parsing'})
    as_drawn: float = field(default=0.5, metadata={'help': 'of the rendered people: kept as they are but for flips'})
    photo_share: float = field(default=0.35, metadata={'help': 'of the training pictures, where photos are given'})
    epochs: int = 14
    coarse_epochs: int = field(default=4, metadata={'help': 'first epochs at half the size: far cheaper on CPU'})
    batch_size: int = 16
    size: str = '256x128'
    lr: float = 2e-3
    weight_decay: float = 0.02
    ema_decay: float = field(default=0.998, metadata={'help': 'of the averaged weights, which are kept'})
    backbone: str = 'tf_efficientnet_lite0'
    encoder_weights: str = field(default='imagenet', metadata={'help': 'imagenet (timm, Hub), none, or a file'})
    encoder_rate: float = field(default=0.25, metadata={'help': "the encoder's learning rate is this times --lr"})
    width: int = 96
    detail: int = field(default=32, metadata={'help': 'channels of the stage at full resolution, 0 for none'})
    bf16: bool = field(default=False, metadata={'help': 'bfloat16 autocast: faster for plain ResNets on CPU'})
    workers: int = 2
    threads: int = 0
    seed: int = 0
    init: str | None = field(
        default=None, metadata={'help': 'parser to start from: a name, a release, or the folder of a stopped run'}
    )
    resume: bool = field(default=False, metadata={'help': 'go on from the last checkpoint in --output, if any'})

    @property
    def input_size(self) -> tuple[int, int]:
        height, width = self.size.split('x')
        return int(height), int(width)

    @property
    def command(self) -> str:
        """The command line that gives this run also after defaults have changed, with DIR for the folders."""
        from ifd_zoo.parsing.registry import split_name  # imports torch

        words = ['python train/parser.py']
        for entry in fields(self):
            value, flag = getattr(self, entry.name), '--' + entry.name.replace('_', '-')
            if value is not None and value is not False and entry.name != 'resume':
                is_path = isinstance(value, Path) or (entry.name == 'init' and not split_name(value)[0])
                shown = Path(value).name if entry.name == 'encoder_weights' else 'DIR' if is_path else value
                words.append(flag if value is True else f'{flag} {shown}')
        return ' '.join(words)


def parse_args(argv: Sequence[str] | None, description: str | None) -> Config:
    """The command line; ends the process with a message when a flag is wrong."""
    parser = ArgumentParser('train/parser.py', description=description)
    for entry in fields(Config):
        flag, text = '--' + entry.name.replace('_', '-'), entry.metadata.get('help', f'default {entry.default}')
        if entry.type is bool:
            parser.add_argument(flag, action='store_true', help=text)
        elif entry.default is MISSING:
            parser.add_argument(flag, type=entry.type, required=True, help=text)
        else:
            kind = entry.type if isinstance(entry.type, type) else entry.type.__args__[0]  # of `Path | None`
            parser.add_argument(flag, type=kind, default=entry.default, help=text)
    config = Config(**vars(parser.parse_args(argv)))
    if not re.fullmatch(r'\d+x\d+', config.size):
        parser.error(f'argument --size: HEIGHTxWIDTH in pixels, as in 256x128, got {config.size!r}')
    import timm  # takes seconds, which other flags that are wrong should not

    if not timm.is_model(config.backbone):
        parser.error(f'argument --backbone: timm has no {config.backbone!r}')
    return config
