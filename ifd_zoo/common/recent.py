"""Least recently used (LRU) cache."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from threading import RLock
from typing import Any


class Recent(MutableMapping):
    """The values that were most recently set or read. Thread-safe.

    Args:
        most: limit on the total size of all values; a value larger than this is not kept at all.
        size: returns the size of a value; by default each counts 1.
    """

    def __init__(self, most: float, size: Callable[[Any], float] = lambda value: 1) -> None:
        self._most, self._size, self._used = most, size, 0.0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = RLock()

    def __getitem__(self, key: Hashable) -> Any:
        with self._lock:
            self._values.move_to_end(key)
            return self._values[key]

    def __setitem__(self, key: Hashable, value: Any) -> None:
        with self._lock:
            self.pop(key)
            if self._size(value) <= self._most:
                self._values[key] = value
                self._used += self._size(value)
            while self._used > self._most:
                self.pop(next(iter(self._values)))

    def __delitem__(self, key: Hashable) -> None:
        with self._lock:
            self._used -= self._size(self._values.pop(key))

    def pop(self, key: Hashable, default: Any = None) -> Any:
        """Remove a value and return it, or `default` if there is none."""
        with self._lock:
            value = self._values.get(key, default)
            if key in self._values:
                del self[key]
            return value

    def __iter__(self) -> Iterator[Hashable]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)
