"""What all commands have in common: help that shows defaults, errors in one line, and a calm end on Ctrl-C.

Nothing here, and nothing that a command imports before its flags are parsed, imports torch, which takes seconds.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from ifd_zoo.errors import ZooError

REFUSED = 2
"""Exit code of a command that cannot do what it is asked for, as after a wrong flag."""
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


def entry_point(go_on: str = 'stopped') -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """Make `main(argv)` return its exit code whatever happens: 0 for None, 2 after an error, 130 after Ctrl-C.

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
                return REFUSED
            except KeyboardInterrupt:
                if os.environ.get('RANK', '0') == '0':  # of several processes that a launcher has started, one speaks
                    print(f'\n{go_on}', file=sys.stderr)
                return INTERRUPTED

        return run

    return decorate
