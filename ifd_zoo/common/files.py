"""Atomic writing and hashing of files."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block succeeds and is deleted when it fails.

    Args:
        path: its folder is created if missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not derived from path.name, which may already be as long as the file system allows, nor from the process ID, which
    # may be the same on another machine that writes to the same folder.
    temporary = path.parent / f'.{secrets.token_hex(8)}.tmp'
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # set by the umask and the folder
        yield temporary
        if temporary.stat().st_mode != mode:  # safetensors makes files that only their owner may read
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits. Raises OSError if it cannot be read."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
