"""Base class of all errors that tell the user what to fix."""

REFUSED = 2
"""Exit code of a command that cannot do what it was asked to, the same as for a wrong flag."""
DIVERGED = 3
"""Exit code of a training whose loss or weights are not finite."""


class ZooError(Exception):
    """Input that cannot be used; the message names the file or field, the problem and what to do."""

    exit_code = REFUSED


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if there is no message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class DivergedError(ZooError, FloatingPointError):
    """Non-finite loss or weights in a training; the message says where."""

    exit_code = DIVERGED
