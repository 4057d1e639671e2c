"""The temporary folder for visitors' files, removed when its process ends, or by the next start if that was killed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where folders of killed processes have to be removed by hand
    fcntl = None

PREFIX, MARK = 'ifd_page_', '.ifd_page'


@contextmanager
def own_folder() -> Iterator[Path]:
    """Create a temporary folder for this process and remove it on exit."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        mark = Path(name, MARK)
        with open(mark.with_suffix('.new'), 'wb') as owner:
            if fcntl:
                fcntl.flock(owner, fcntl.LOCK_EX)
            mark.with_suffix('.new').rename(mark)  # only now, so that it never exists unlocked
            yield mark.parent


def remove_abandoned() -> list[Path]:
    """Remove the folders of `own_folder` whose process has ended or was killed, and return their paths.

    It goes by a file lock and not by a process id: a lock ends with its process, and works across containers.
    """
    gone = []
    for folder in Path(tempfile.gettempdir()).glob(f'{PREFIX}*') if fcntl else ():
        try:
            with open(folder / MARK, 'rb') as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:  # its process runs, or it is not ours: without the mark, a link, or another user's
            continue
        gone.append(folder)
    return gone
