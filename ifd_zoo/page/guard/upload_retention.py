"""How long files of visitors are kept: which are whose, and when they go. Knows no gradio.

Uploads and copies of examples are named by their content, so two visitors may share one; it goes when the last of them
has left. Whoever gets one that is there already touches it first and claims it a little later, so a file that was just
touched waits.
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
"""Seconds after which what a visitor leaves behind is deleted: a phone that slept comes back earlier."""
ROUND = 5
"""Seconds between two sweeps."""
MOST_VISITORS = 10_000
"""Where more are there at once, those who asked for something longest ago are taken to have left."""
MOST_BYTES = 10_000_000_000
"""Most bytes of the files of all visitors together, where the disk has twice as much room."""
SHORT = 300
"""Seconds after which a file that nobody claimed, as of a cancelled upload, goes where there is no room."""

logger = logging.getLogger(__name__)


class UploadRetention:
    """Safe between threads.

    Args:
        folder: of all uploads and results.
        longest: seconds after which any file in it goes, whoever's it is.
        most_bytes: of all files in it.
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
        """These files are needed as long as this visitor, who has just asked for something, is here."""
        if visitor:
            with self._lock:
                self._left.pop(visitor, None)
                self._files.setdefault(visitor, set()).update(_existing(paths))
                self._files.move_to_end(visitor)

    def give(self, visitor: str, paths: Iterable[str | Path]) -> None:
        """The same of results, which may come when the visitor has left: then they go, too."""
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
        """Whether all visitors together have less than they may; looked at once in a second."""
        if (now := time.monotonic()) - self._measured >= 1:
            walked = os.walk(self.folder)  # at ease with folders that go meanwhile
            self._used = sum(_look(os.path.join(at, name))[1] for at, _, names in walked for name in names)
            self._measured = now
        return self._used < self.most_bytes

    def sweep(self, grace: float = GRACE) -> None:
        """Deletes what nobody needs: files of those who left, old files, and folders without files."""
        now = time.time()
        with self._lock:
            for visitor in islice(self._files, max(0, len(self._files) - MOST_VISITORS)):
                self._left.setdefault(visitor, now)
            gone = [visitor for visitor, left in self._left.items() if now - left >= grace]
            files = set().union(*(self._files.pop(visitor) for visitor in gone))
            for visitor in gone:
                del self._left[visitor]
            # Under the lock, so that nobody claims a file between the question and its end.
            unclaimed = files.union(self._waiting).difference(self._own, *self._files.values())
            self._waiting = {path for path in unclaimed if path.exists() and now - _look(path)[0] < grace}
            for path in unclaimed - self._waiting:
                self._delete(path)
        self._sweep_old(now, grace)

    def _sweep_old(self, now: float, grace: float) -> None:
        there, has_room = set(), self.has_room()
        for path in sorted(self.folder.rglob('*'), reverse=True):  # what is in a folder comes before it
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
        except OSError:  # one file that resists must not keep the others; it is tried again when it is old
            logger.exception('%s: cannot be deleted', path)
        if path.parent != self.folder:
            _remove_if_empty(path.parent)

    def start(self) -> None:
        """Sweep every few seconds, until `stop`. What is there now is the page's own, and stays."""
        self._own = set(self.folder.rglob('*'))
        Thread(target=self._run, name='keeping', daemon=True).start()

    def stop(self) -> None:
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(ROUND):
            try:
                self.sweep()
            except OSError:  # a folder went while it was looked through; the next round looks again
                logger.exception('%s: not all of it was swept', self.folder)


def _existing(paths: Iterable[str | Path]) -> list[Path]:
    """Paths come from visitors, who may name folders, and what no file can be named."""
    return [Path(path) for path in paths if os.path.isfile(path)]


def _look(path: str | Path) -> tuple[float, int]:
    """When a file was changed, and its bytes; a new one of none for one that is gone, which is what is wanted."""
    try:
        told = os.lstat(path)
    except FileNotFoundError:
        return time.time(), 0
    return told.st_mtime, told.st_size


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # it holds files, or is gone
        return


def most_bytes(folder: Path) -> int:
    """Bytes that all visitors together may have in a folder."""
    return min(MOST_BYTES, shutil.disk_usage(folder).free // 2)
