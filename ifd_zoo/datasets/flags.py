"""Flags of commands that read a data set."""

import argparse
from typing import Any

from ifd_zoo.common.cli import add_flags
from ifd_zoo.datasets import DATASETS


def add_data_flags(parser: argparse.ArgumentParser, /, *names: str, **defaults: Any) -> None:
    """Add `--data`, `--root` and others; arguments as for `ifd_zoo.common.cli.add_flags`."""
    parser.add_argument('--data', choices=sorted(DATASETS), default='folder', help='data set reader')
    add_flags(parser, 'root', *names, **defaults)
