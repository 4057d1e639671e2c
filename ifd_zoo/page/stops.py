"""Which visitors do not want to wait any longer. Knows no gradio."""

from ifd_zoo.common.recent import Recent

MOST = 1_000  # who has asked before so many others is forgotten: their work has ended, or they have left
STOPPED = 'Stopped. Nothing was changed.'


class Stopped(ValueError):
    """The visitor has pressed Cancel."""


class Stops:
    """Safe between threads."""

    def __init__(self) -> None:
        self._asked = Recent(MOST)

    def ask(self, visitor: str) -> None:
        self._asked[visitor] = True

    def forget(self, visitor: str) -> None:
        self._asked.pop(visitor)

    def check(self, visitor: str) -> None:
        """Raises Stopped when the visitor has asked for it since the last `forget`."""
        if visitor in self._asked:
            raise Stopped(STOPPED)
