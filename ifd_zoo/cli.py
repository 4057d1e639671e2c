"""What all commands have in common: help that shows defaults, errors in one line, and a calm end on Ctrl-C.

Nothing here, and nothing that a command imports before its flags are parsed, imports torch, which takes seconds.
"""

import argparse
import math
import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from ifd_zoo.common.choices import FEATURES, LABEL_MAPS, NO_MASKS, PRECISIONS
from ifd_zoo.common.errors import REFUSED, ZooError

INTERRUPTED = 130
"""What a shell calls a command that was ended with Ctrl-C."""


def with_default(text: str, default: Any) -> str:
    """The text of a flag with its default at the end, where there is one that the text does not tell."""
    if re.search(r'\bdefault[: ]', text) or default in (None, False, '', argparse.SUPPRESS) or default in ([], ()):
        return text
    parts = default if isinstance(default, (list, tuple)) else [default]
    return f'{text} (default: {" ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)})'


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Adds the default of each flag."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return with_default(action.help, action.default)


class ArgumentParser(argparse.ArgumentParser):
    """argparse's own, with defaults in the help, and without abbreviations: a new flag must not change old commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{'formatter_class': HelpFormatter, 'allow_abbrev': False} | kwargs)


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


def share(text: str) -> float:
    """A number from 0 to 1; raises argparse.ArgumentTypeError for others."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'must be a number from 0 to 1, got {text!r}')
    return value


def size(text: str) -> tuple[int, int]:
    """`256x128` as (height, width). Raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r'[1-9]\d*x[1-9]\d*', text):
        raise argparse.ArgumentTypeError(f'HEIGHTxWIDTH in pixels, as in 256x128, got {text!r}')
    height, width = text.split('x')
    return int(height), int(width)


FLAGS: dict[str, dict[str, Any]] = {
    'model': {'required': True, 'help': 'bundled name, release folder, file, or hf-hub:org/name'},
    'parser': {'default': 'bundled', 'help': 'human parser: a name, NAME:PATH, a folder, or hf-hub:org/name'},
    'accept-licence': {'action': 'store_true', 'help': "accept the parser's own terms, if it has any"},
    'feature': {'choices': FEATURES, 'help': 'test feature; default: that of the release'},
    'flip': {'action': argparse.BooleanOptionalAction, 'default': True, 'help': 'add the mirror image'},
    'precision': {'choices': PRECISIONS, 'default': 'fp32', 'help': 'auto: the fastest that keeps the answer of fp32'},
    'device': {'help': 'cpu, cuda, cuda:1 ... (default: a GPU if there is one)'},
    'root': {'type': Path, 'required': True, 'help': 'folder of the data set'},
    'masks': {
        'default': LABEL_MAPS,
        'help': f'where clothing masks come from: {LABEL_MAPS} (of the data set), {NO_MASKS}, a parser (bundled, a '
        'folder), or a folder of label maps by python -m ifd_zoo.parsing',
    },
    'crop': {'action': 'store_true', 'help': 'cut each photo down to its largest person; leave out those without one'},
    'batch-size': {'type': positive, 'default': 64, 'help': 'images at once'},
    'ray': {
        'nargs': '?',
        'const': '',
        'metavar': 'ADDRESS',
        'help': 'work on the machines of a Ray cluster; without ADDRESS on the one that Ray finds, or on this machine',
    },
    'workers': {'type': not_negative, 'default': 2, 'help': 'processes that load images; 0: this one'},
}
"""Flags that several commands have, as for `add_argument`."""


def add_flags(parser: argparse._ActionsContainer, /, *names: str, **defaults: Any) -> None:
    """Declare flags of `FLAGS`.

    Args:
        names: those that are as they are there.
        defaults: those with another default; None for one that may be left out.
    """
    for name in dict.fromkeys((*names, *defaults)):
        flag = name.replace('_', '-')
        how = dict(FLAGS[flag])
        if name in defaults:
            how.pop('required', None)
            how['default'] = defaults[name]
        parser.add_argument(f'--{flag}', **how)


def add_model_flags(parser: argparse.ArgumentParser, /, *names: str, **defaults: Any) -> None:
    """Declare `--model`, `--device` and others; arguments as for `add_flags`."""
    add_flags(parser, 'model', 'device', *names, **defaults)


def add_data_flags(parser: argparse.ArgumentParser, /, *names: str, **defaults: Any) -> None:
    """Declare `--data`, `--root` and others; arguments as for `add_flags`."""
    from ifd_zoo.datasets import DATASETS  # late: the rendering of people does without the readers

    parser.add_argument('--data', choices=sorted(DATASETS), default='folder', help='data set reader')
    add_flags(parser, 'root', *names, **defaults)


def is_main() -> bool:
    """Whether this process is the one that reports, of several that a launcher has started."""
    return os.environ.get('RANK', '0') == '0'


def entry_point(go_on: str = 'stopped') -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """Make `main(argv)` return its exit code whatever happens: 0 for None, that of an error (2), 130 after Ctrl-C.

    Args:
        go_on: the line that is printed after Ctrl-C: that the command has stopped, and how to go on.
    """

    def decorate(main: Callable[..., int | None]) -> Callable[..., int]:
        @wraps(main)
        def run(*args: Any, **kwargs: Any) -> int:
            try:
                return main(*args, **kwargs) or 0
            except (ZooError, OSError) as error:
                print(f'error: {error}', file=sys.stderr)
                return getattr(error, 'exit_code', REFUSED)
            except KeyboardInterrupt:
                if is_main():
                    print(f'\n{go_on}', file=sys.stderr)
                return INTERRUPTED

        return run

    return decorate
