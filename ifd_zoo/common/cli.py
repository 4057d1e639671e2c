"""Parts shared by all commands: help with defaults, one-line errors, and a clean exit on Ctrl-C.

Nothing here, and nothing that a command imports before its flags are parsed, may import torch, which takes seconds.
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
"""Exit code by which shells report Ctrl-C."""


def with_default(text: str, default: Any) -> str:
    """Return the help text of a flag with its default added, unless there is none or the text mentions it."""
    if re.search(r'\bdefault[: ]', text) or default in (None, False, '', argparse.SUPPRESS) or default in ([], ()):
        return text
    parts = default if isinstance(default, (list, tuple)) else [default]
    return f'{text} (default: {" ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)})'


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Adds each flag's default to its help."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return with_default(action.help, action.default)


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser with defaults in the help, without abbreviations: a new flag must not change old commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{'formatter_class': HelpFormatter, 'allow_abbrev': False} | kwargs)


def positive(text: str) -> int:
    """Parse an integer above 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'a whole number above 0, got {text!r}')
    return int(text)


def not_negative(text: str) -> int:
    """Parse an integer of at least 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'a whole number of at least 0, got {text!r}')
    return int(text)


def fraction(text: str) -> float:
    """Parse a number from 0 to 1. Raises argparse.ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'must be a number from 0 to 1, got {text!r}')
    return value


def size(text: str) -> tuple[int, int]:
    """Parse `256x128` as (height, width). Raises argparse.ArgumentTypeError."""
    if not re.fullmatch(r'[1-9]\d*x[1-9]\d*', text):
        raise argparse.ArgumentTypeError(f'HEIGHTxWIDTH in pixels, as in 256x128, got {text!r}')
    height, width = text.split('x')
    return int(height), int(width)


FLAGS: dict[str, dict[str, Any]] = {
    'model': {'required': True, 'help': 'bundled name, release folder, file, or hf-hub:org/name'},
    'parser': {'default': 'bundled', 'help': 'human parser: a name, NAME:PATH, a folder, or hf-hub:org/name'},
    'accept-licence': {'action': 'store_true', 'help': "accept the parser's own terms, if it has any"},
    'feature': {'choices': FEATURES, 'help': 'test feature; default: that of the release'},
    'flip': {'action': argparse.BooleanOptionalAction, 'default': True, 'help': 'also use the mirror image'},
    'precision': {'choices': PRECISIONS, 'default': 'fp32', 'help': 'auto: the fastest that agrees with fp32'},
    'device': {'help': 'cpu, cuda, cuda:1 ... (default: a GPU if there is one)'},
    'root': {'type': Path, 'required': True, 'help': 'folder of the data set'},
    'masks': {
        'default': LABEL_MAPS,
        'help': f'source of clothing masks: {LABEL_MAPS} (of the data set), {NO_MASKS}, a parser (bundled, a '
        'folder), or a folder of label maps by python -m ifd_zoo.parsing',
    },
    'crop': {'action': 'store_true', 'help': 'crop each photo to its largest person; leave out those without one'},
    'batch-size': {'type': positive, 'default': 64, 'help': 'images per batch'},
    'ray': {
        'nargs': '?',
        'const': '',
        'metavar': 'ADDRESS',
        'help': 'run on a Ray cluster; without ADDRESS on the one that Ray finds, or on this machine',
    },
    'workers': {'type': not_negative, 'default': 2, 'help': 'processes that load images; 0: the main process'},
}
"""Arguments of `add_argument` for flags that several commands share."""


def add_flags(parser: argparse._ActionsContainer, /, *names: str, **defaults: Any) -> None:
    """Add flags of `FLAGS` to a parser.

    Args:
        names: flags with the default in `FLAGS`.
        defaults: flags with another default; None makes a required flag optional.
    """
    for name in dict.fromkeys((*names, *defaults)):
        flag = name.replace('_', '-')
        how = dict(FLAGS[flag])
        if name in defaults:
            how.pop('required', None)
            how['default'] = defaults[name]
        parser.add_argument(f'--{flag}', **how)


def add_model_flags(parser: argparse.ArgumentParser, /, *names: str, **defaults: Any) -> None:
    """Add `--model`, `--device` and others; arguments as for `add_flags`."""
    add_flags(parser, 'model', 'device', *names, **defaults)


def is_main() -> bool:
    """Return whether this process, of several started by a launcher, is the one that reports."""
    return os.environ.get('RANK', '0') == '0'


def entry_point(go_on: str = 'stopped') -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """Make `main(argv)` return an exit code in every case: 0 for None, that of an error (2), 130 after Ctrl-C.

    Args:
        go_on: line printed after Ctrl-C: that the command was stopped, and how to resume it.
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
