"""Values that flags may have, kept apart from the modules behind them, as in `ifd_zoo/choices.py`."""

from dataclasses import dataclass

TRIPLE = ('anchor', 'positive', 'negative')
"""Photos of Fig. 3."""
VIEWS = ('picture', 'crop', 'low')
"""What is parsed of a picture, see `eval/parsing_views.py`."""
SHARD_SIZE = 128
"""Images of a part of an extraction: what a stop may lose, and by how much the shares of two processes may differ."""
PERSON = 20
"""Rows of a person in an index that is measured."""
TASKS = {
    'masks': ('-m', 'ifd_zoo.parsing', '--parser', 'bundled'),
    'extract': ('eval/extract.py', '--model', 'ifd_resnet10t.synthetic', '--masks', 'bundled', '--workers', '0'),
}
"""What is measured through a launcher."""


@dataclass(frozen=True)
class RealismSettings:
    """What makes figures of realism comparable; the first five are flags, the rest is frozen."""

    images: int = 1760
    steps: int = 1000
    batch_size: int = 16
    seed: int = 0
    size: tuple[int, int] = (256, 128)
    backbone: str = 'mobilenetv4_conv_small'
    width: int = 96
    lr: float = 8e-3
    weight_decay: float = 0.02
    clip: float = 5.0
    balance: float = 0.5
    """A group weighs as much in the loss as its share of the pixels to the power of minus this."""
