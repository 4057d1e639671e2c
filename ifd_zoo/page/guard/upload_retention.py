"""Ownership and deletion of visitors' files. Does not import gradio.

Uploads and copies of examples are named by content hash, so visitors may share one; it is deleted when the last of them
has left. gradio touches an existing file before the visitor claims it, so recently touched files are spared.
"""

import logging
import math
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from threading import Event, Lock, Thread

GRACE = 30
"""Seconds from a visitor's leaving to the deletion of their files: enough for a sleeping phone to reconnect."""
ROUND = 5
"""Seconds between two sweeps."""
MOST_VISITORS = 10_000
"""Number of visitors beyond which the least recently active ones are treated as gone."""
MOST_BYTES = 10_000_000_000
"""Quota in bytes for the files of all visitors together, if the disk has twice as much free space."""
SHORT = 300
"""Age in seconds at which an unclaimed file, as of a cancelled upload, is deleted if the quota is used up."""

logger = logging.getLogger(__name__)


class UploadRetention:
    """Deletes files once no visitor needs them. Thread-safe.

    Args:
        folder: contains all uploads and results.
        longest: age in seconds at which any file is deleted, even one in use.
        most_bytes: quota for all files together.
    """

    def __init__(self, folder: Path, longest: float, most_bytes: float = math.inf) -> None:
        self.folder, self.longest, self.most_bytes = folder, longest, most_bytes
        self._used, self._measured = 0, -math.inf
        self._files: OrderedDict[str, set[Path]] = OrderedDict()
        self._left: dict[str, float] = {}
        self._own: set[Path] = set()
        self._waiting: set[Path] = set()
        self._lock, self._end = Lock(), Event()

    def claim(self, visitor: str, paths: Iterable[str | Path]) -> None:
        """Keep these uploads while this visitor, who is active, stays."""
        if visitor:
            with self._lock:
                self._left.pop(visitor, None)
                self._files.setdefault(visitor, set()).update(_existing(paths))
                self._files.move_to_end(visitor)

    def give(self, visitor: str, paths: Iterable[str | Path]) -> None:
        """Keep these results while this visitor stays; if the visitor has already left, they are deleted soon."""
        if visitor:
            with self._lock:
                if visitor not in self._files:
                    self._left[visitor] = time.time()
                self._files.setdefault(visitor, set()).update(_existing(paths))

    def leave(self, visitor: str) -> None:
        with self._lock:
            if visitor in self._files:
                self._left[visitor] = time.time()

    def has_room(self) -> bool:
        """Return whether the files are below the quota; measured at most once per second."""
        if (now := time.monotonic()) - self._measured >= 1:
            walked = os.walk(self.folder)  # tolerates folders that vanish meanwhile
            self._used = sum(_look(os.path.join(at, name))[1] for at, _, names in walked for name in names)
            self._measured = now
        return self._used < self.most_bytes

    def sweep(self, grace: float = GRACE) -> None:
        """Delete the files of visitors who left, old files, and empty folders."""
        now = time.time()
        with self._lock:
            for visitor in islice(self._files, max(0, len(self._files) - MOST_VISITORS)):
                self._left.setdefault(visitor, now)
            gone = [visitor for visitor, left in self._left.items() if now - left >= grace]
            files = set().union(*(self._files.pop(visitor) for visitor in gone))
            for visitor in gone:
                del self._left[visitor]
            # Under the lock, so that nobody claims a file between the check and its deletion.
            unclaimed = files.union(self._waiting).difference(self._own, *self._files.values())
            self._waiting = {path for path in unclaimed if path.exists() and now - _look(path)[0] < grace}
            for path in unclaimed - self._waiting:
                self._delete(path)
        self._sweep_old(now, grace)

    def _sweep_old(self, now: float, grace: float) -> None:
        there, has_room = set(), self.has_room()
        for path in sorted(self.folder.rglob('*'), reverse=True):  # contents before their folder
            age = now - _look(path)[0]
            if path.is_dir() and not path.is_symlink():
                if age >= grace:
                    _remove_if_empty(path)
            elif path not in self._own and (age >= self.longest or self._is_spare(path, age, has_room)):
                self._delete(path)
            else:
                there.add(path)
        with self._lock:
            for files in self._files.values():
                files -= {path for path in files - there if not path.exists()}

    def _is_spare(self, path: Path, age: float, has_room: bool) -> bool:
        if has_room or age < SHORT:
            return False
        with self._lock:
            return not any(path in files for files in self._files.values())

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError:  # must not keep the others from being deleted; retried by age
            logger.exception('%s: cannot be deleted', path)
        if path.parent != self.folder:
            _remove_if_empty(path.parent)

    def start(self) -> None:
        """Sweep every few seconds until `stop`. Files that exist at the start belong to the page and are kept."""
        self._own = set(self.folder.rglob('*'))
        Thread(target=self._run, name='keeping', daemon=True).start()

    def stop(self) -> None:
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(ROUND):
            try:
                self.sweep()
            except OSError:  # a folder vanished during the sweep; the next one will do
                logger.exception('%s: the sweep is incomplete', self.folder)


def _existing(paths: Iterable[str | Path]) -> list[Path]:
    """Filter paths from visitors, which may be folders or invalid names."""
    return [Path(path) for path in paths if os.path.isfile(path)]


def _look(path: str | Path) -> tuple[float, int]:
    """Return modification time and size in bytes; now and 0 for a file that is gone, so that nothing is done."""
    try:
        told = os.lstat(path)
    except FileNotFoundError:
        return time.time(), 0
    return told.st_mtime, told.st_size


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not empty, or gone
        return


def most_bytes(folder: Path) -> int:
    """Return the quota in bytes for all visitors' files: `MOST_BYTES`, or half of the free space if that is less."""
    return min(MOST_BYTES, shutil.disk_usage(folder).free // 2)
