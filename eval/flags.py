"""Types of command line flags."""

import argparse


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
