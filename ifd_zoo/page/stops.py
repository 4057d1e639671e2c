"""Which visitors do not want to wait any longer. Knows no gradio."""

from threading import Lock

STOPPED = 'Stopped. Nothing was changed.'


class Stopped(ValueError):
    """The visitor has pressed Cancel."""


class Stops:
    """Safe between threads."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._lock = Lock()

    def ask(self, visitor: str) -> None:
        with self._lock:
            self._asked.add(visitor)

    def forget(self, visitor: str) -> None:
        with self._lock:
            self._asked.discard(visitor)

    def check(self, visitor: str) -> None:
        """Raises Stopped when the visitor has asked for it since the last `forget`."""
        if visitor in self._asked:
            raise Stopped(STOPPED)
