"""Files that are there in full or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file's temporary path: it takes the place of `path` when the block ends, and vanishes when the block fails.

    Args:
        path: its folder is made when missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not made of path.name, which may already be as long as the file system allows.
    temporary = path.parent / f'.{os.getpid()}.tmp'
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
