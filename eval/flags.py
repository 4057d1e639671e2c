"""Types of command line flags."""

import argparse
import re

from ifd_zoo.choices import FEATURES


def positive(text: str) -> int:
    """A whole number above 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'a whole number above 0, got {text!r}')
    return int(text)


def not_negative(text: str) -> int:
    """A whole number of at least 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'a whole number of at least 0, got {text!r}')
    return int(text)


def size(text: str) -> tuple[int, int]:
    """`256x128` as (height, width). Raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r'[1-9]\d*x[1-9]\d*', text):
        raise argparse.ArgumentTypeError(f'HEIGHTxWIDTH in pixels, as in 256x128, got {text!r}')
    height, width = text.split('x')
    return int(height), int(width)


def add_feature(parser: argparse.ArgumentParser) -> None:
    """The flag `--feature`."""
    parser.add_argument('--feature', choices=FEATURES, help='test feature; default: that of the release')
