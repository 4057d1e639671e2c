"""The folder of what visitors give. It ends with its process, or with the next start after that was killed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where folders of killed processes stay until its owner removes them
    fcntl = None

PREFIX, MARK = 'ifd_page_', '.ifd_page'


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new temporary folder of this process alone, removed in the end with all that is in it."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        mark = Path(name, MARK)
        with open(mark.with_suffix('.new'), 'wb') as owner:
            if fcntl:
                fcntl.flock(owner, fcntl.LOCK_EX)
            mark.with_suffix('.new').rename(mark)  # whoever sees the mark sees that it is locked
            yield mark.parent


def remove_abandoned() -> list[Path]:
    """Remove folders of `own_folder` whose processes are gone, also of those that were killed. Returns what is gone.

    A lock tells, and no number of a process: it ends with the process, and holds between containers, too.
    """
    gone = []
    for folder in Path(tempfile.gettempdir()).glob(f'{PREFIX}*') if fcntl else ():
        try:
            with open(folder / MARK, 'rb') as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:  # its process runs, or it is none of ours: without the mark, a link, or another user's
            continue
        gone.append(folder)
    return gone
