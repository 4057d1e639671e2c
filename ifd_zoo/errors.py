"""The base of all errors that tell a user what to put right."""


class ZooError(Exception):
    """Something given from outside cannot be used; the message says what, with which file or field, and what to do."""


class DivergedError(ZooError, FloatingPointError):
    """A loss or the weights of a training are not finite; the message says where."""
