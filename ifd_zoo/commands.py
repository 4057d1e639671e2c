"""What command lines have in common."""

import argparse
import sys


def run_command(args: argparse.Namespace, *errors: type[Exception]) -> int:
    """Print what `args.run(args)` returns.

    Args:
        args: `run` was set as a default of the subcommand.
        errors: end in one line that says what is wrong; so do those of the disk, such as a full one.

    Returns:
        The exit code: 0, or 2 after an error.
    """
    try:
        print(args.run(args))
    except (*errors, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
