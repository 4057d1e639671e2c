"""Table rows of models, as given on a command line."""

import argparse
from typing import NamedTuple

from ifd_zoo.common.choices import FEATURES

FORM = '[LABEL=]MODEL[,MODEL...][=FEATURE]'


class Row(NamedTuple):
    label: str
    models: tuple[str, ...]
    """Names or folders of trainings that differ only in their seed."""
    feature: str | None = None
    """Test feature; None for the one of the release."""


def read_row(text: str) -> Row:
    """Parse a row in `FORM`; without a label it is named after its first model.

    Raises:
        argparse.ArgumentTypeError: the text does not have this form.
    """
    parts = [part.strip() for part in text.split('=')]
    feature = parts.pop() if len(parts) > 1 and parts[-1] in FEATURES else None
    models = tuple(name.strip() for name in parts[-1].split(',') if name.strip())
    if len(parts) > 2 or not models or not parts[0]:
        raise argparse.ArgumentTypeError(f'{text!r} is not {FORM}, FEATURE being {", ".join(FEATURES)}')
    more = f' and {len(models) - 1} more' if len(models) > 1 else ''
    label = parts[0] if len(parts) == 2 else models[0] + more + (f', {feature}' if feature else '')
    return Row(label, models, feature)


def add_rows(parser: argparse.ArgumentParser, more: str = '') -> None:
    """Declare `--models`; `more` is appended to its help."""
    how = f'rows: a model, or several trainings of one; the test feature is by default the one of the release{more}'
    parser.add_argument('--models', nargs='+', required=True, type=read_row, metavar=FORM, help=how)


def add_imagenet(parser: argparse.ArgumentParser) -> None:
    """Declare `--imagenet`."""
    how = "also features of networks trained on ImageNet: timm's name and a file of its weights"
    parser.add_argument('--imagenet', nargs='+', default=[], metavar='BACKBONE=FILE', help=how)
