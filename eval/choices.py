"""Values that flags may have, kept apart from the modules behind them, as in `ifd_zoo/choices.py`."""

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
