"""Which visitors do not want to wait any longer. Knows no gradio."""

from collections import OrderedDict
from threading import Lock

MOST = 1_000  # who has asked before so many others is forgotten: their work has ended, or they have left
STOPPED = 'Stopped. Nothing was changed.'


class Stopped(ValueError):
    """The visitor has pressed Cancel."""


class Stops:
    """Safe between threads."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def ask(self, visitor: str) -> None:
        with self._lock:
            self._asked[visitor] = None
            if len(self._asked) > MOST:
                self._asked.popitem(last=False)

    def forget(self, visitor: str) -> None:
        with self._lock:
            self._asked.pop(visitor, None)

    def check(self, visitor: str) -> None:
        """Raises Stopped when the visitor has asked for it since the last `forget`."""
        if visitor in self._asked:
            raise Stopped(STOPPED)
