"""The base of all errors that tell a user what to put right."""

REFUSED = 2
"""Exit code of a command that cannot do what it is asked for, as after a wrong flag."""
DIVERGED = 3
"""Exit code of a training whose numbers are no longer finite."""


class ZooError(Exception):
    """Something given from outside cannot be used; the message says what, with which file or field, and what to do."""

    exit_code = REFUSED


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class DivergedError(ZooError, FloatingPointError):
    """A loss or the weights of a training are not finite; the message says where."""

    exit_code = DIVERGED
