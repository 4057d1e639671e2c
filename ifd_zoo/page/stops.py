"""Cancellation requests of visitors. Does not import gradio."""

from ifd_zoo.common.recent import Recent

MOST = 1_000  # requests remembered; the work of older ones has ended, or their visitors have left
STOPPED = 'Stopped. Nothing was changed.'


class Stopped(ValueError):
    """Raised in a computation whose visitor has pressed Cancel."""


class Stops:
    """Pending cancellation requests by visitor. Thread-safe."""

    def __init__(self) -> None:
        self._asked = Recent(MOST)

    def ask(self, visitor: str) -> None:
        self._asked[visitor] = True

    def forget(self, visitor: str) -> None:
        self._asked.pop(visitor)

    def check(self, visitor: str) -> None:
        """Raise Stopped if the visitor has pressed Cancel since the last `forget`."""
        if visitor in self._asked:
            raise Stopped(STOPPED)
