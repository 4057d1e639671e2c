"""The base of all errors that tell a user what to put right."""


class ZooError(Exception):
    """Something given from outside cannot be used; the message says what, with which file or field, and what to do."""


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class DivergedError(ZooError, FloatingPointError):
    """A loss or the weights of a training are not finite; the message says where."""
