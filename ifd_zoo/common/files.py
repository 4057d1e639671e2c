"""Files that are there in full or not at all, and what tells them apart."""

import hashlib
import os
import secrets
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
    # Not made of path.name, which may already be as long as the file system allows; nor of the process's number, which
    # another machine that writes to the same folder may have, too.
    temporary = path.parent / f'.{secrets.token_hex(8)}.tmp'
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # as the umask and the folder want it
        yield temporary
        if temporary.stat().st_mode != mode:  # safetensors makes a file that its owner alone may read
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal digits. Raises OSError when it cannot be read."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
