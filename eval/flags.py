"""Types of command line flags."""

import argparse

from ifd_zoo.features import FEATURES


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


def add_feature(parser: argparse.ArgumentParser) -> None:
    """The flag `--feature`."""
    parser.add_argument('--feature', choices=FEATURES, help='test feature; default: that of the release')
