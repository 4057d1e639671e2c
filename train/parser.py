"""Train a human parser on rendered people and, optionally, photos with label maps.

    python train/parser.py --rendered data/synthetic --photos data/clothing-co-parsing --output runs/parser

`--rendered` holds `{train,query,gallery}/<pid>/<clothes>/*.jpg` and `parsing/<same path>.png`; `--photos` holds
`photos/NNNN.jpg`, `labels/NNNN.png` and `label_names.txt` (Clothing Co-Parsing). `--output` gets a release, for
`load_parser('runs/parser')` and `python -m ifd_zoo.hub push`. `--resume` continues an interrupted run.
"""

import sys
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # replaced: train/ must not shadow other packages

from ifd_zoo.common.cli import ArgumentParser, entry_point, size
from train.config import option
from train.flags import add_field, format_value


@dataclass(frozen=True)
class Config:
    """Defaults, command line and record of a training run of a parser."""

    rendered: Path = option(MISSING, 'folder of rendered people with exact label maps')
    output: Path = option(MISSING, 'folder for checkpoint, config.json and model.safetensors')
    photos: Path | None = option(None, 'folder in the layout of Clothing Co-Parsing')
    as_drawn: float = option(0.5, 'share of rendered people not cropped, stretched or rotated')
    photo_share: float = option(0.35, 'share of photos among the training images, with --photos')
    epochs: int = option(14, 'passes over the training images')
    coarse_epochs: int = option(4, 'first epochs at half the size: far cheaper on CPU')
    batch_size: int = option(16, 'images per step')
    size: tuple[int, int] = option((256, 128), 'HEIGHTxWIDTH of the input in pixels', size)
    lr: float = option(2e-3, 'peak learning rate')
    weight_decay: float = option(0.02, 'weight decay of AdamW, except for norms and biases')
    ema_decay: float = option(0.998, 'decay of the averaged weights, which are released')
    backbone: str = option('tf_efficientnet_lite0', 'encoder, any backbone of timm')
    encoder_weights: str = option('imagenet', 'imagenet (timm, Hub), none, or a file')
    encoder_rate: float = option(0.25, 'learning rate of the encoder, as a multiple of --lr')
    width: int = option(96, 'channels of the decoder')
    detail: int = option(32, 'channels of the stage at full resolution; 0: none')
    bf16: bool = option(False, 'bfloat16 autocast: faster for plain ResNets on CPU')
    workers: int = option(2, 'processes that load images')
    threads: int = option(0, "number of torch threads; 0: torch's own choice")
    seed: int = option(0, 'seed of batches, augmentation and fresh weights')
    init: str = option('', 'parser to start from: a name, a release, or the folder of a stopped run')
    resume: bool = option(False, 'resume from the last checkpoint in --output, if any')

    @property
    def command(self) -> str:
        """Command line that reproduces this run even when defaults change, with DIR for the folders."""
        from ifd_zoo.parsing.registry import split_name  # imports torch

        words = ['python train/parser.py']
        for field in fields(self):
            value, flag = getattr(self, field.name), '--' + field.name.replace('_', '-')
            shown = format_value(field.name, value)
            if shown and field.name != 'resume':
                is_path = isinstance(value, Path) or (field.name == 'init' and not split_name(value)[0])
                shown = Path(shown).name if field.name == 'encoder_weights' else 'DIR' if is_path else shown
                words.append(flag if value is True else f'{flag} {shown}')
        return ' '.join(words)


def parse_args(argv: Sequence[str] | None) -> Config:
    """Return the config from the command line; exits with a message when a flag is wrong."""
    parser = ArgumentParser('train/parser.py', description=__doc__)
    for field in fields(Config):
        add_field(parser, field)
    config = Config(**vars(parser.parse_args(argv)))
    import timm  # slow; other wrong flags should be refused before it

    if not timm.is_model(config.backbone):
        parser.error(f'argument --backbone: timm has no {config.backbone!r}')
    return config


@entry_point('stopped; run it again with --resume to continue from the last checkpoint')
def main(argv: Sequence[str] | None = None) -> None:
    config = parse_args(argv)
    from train.parsers.training import run

    run(config)


if __name__ == '__main__':
    sys.exit(main())
