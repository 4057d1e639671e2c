"""Files of visitors: which are whose, and when they go. Knows no gradio.

Uploads and copies of examples are named by their content, so two visitors may share one; it goes when the last of them
has left. Whoever gets one that is there already touches it first and claims it a little later, so a file that was just
touched waits.
"""

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Lock, Thread

GRACE = 30
"""Seconds after which what a visitor leaves behind is deleted: a phone that slept comes back earlier."""
ROUND = 5
"""Seconds between two sweeps."""

logger = logging.getLogger(__name__)


class Keeping:
    """Safe between threads.

    Args:
        folder: of all uploads and results.
        longest: seconds after which any file in it goes, whoever's it is.
    """

    def __init__(self, folder: Path, longest: float) -> None:
        self.folder, self.longest = folder, longest
        self._files: dict[str, set[Path]] = {}
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

    def sweep(self, grace: float = GRACE) -> None:
        """Deletes what nobody needs: files of those who left, old files, and folders without files."""
        now = time.time()
        with self._lock:
            gone = [visitor for visitor, left in self._left.items() if now - left >= grace]
            files = set().union(*(self._files.pop(visitor) for visitor in gone))
            for visitor in gone:
                del self._left[visitor]
            # Under the lock, so that nobody claims a file between the question and its end.
            unclaimed = files.union(self._waiting).difference(self._own, *self._files.values())
            self._waiting = {path for path in unclaimed if path.exists() and now - _changed(path) < grace}
            for path in unclaimed - self._waiting:
                self._delete(path)
        self._sweep_old(now, grace)

    def _sweep_old(self, now: float, grace: float) -> None:
        for path in sorted(self.folder.rglob('*'), reverse=True):  # what is in a folder comes before it
            age = now - _changed(path)
            if path.is_dir() and not path.is_symlink():
                if age >= grace:
                    _remove_if_empty(path)
            elif age >= self.longest and path not in self._own:
                self._delete(path)

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


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:  # meanwhile deleted by somebody else, which is what is wanted
        return time.time()


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # it holds files, or is gone
        return
