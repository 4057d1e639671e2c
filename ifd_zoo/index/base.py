"""What all parts of the index share."""

import hashlib
from pathlib import Path


class GalleryIndexError(ValueError):
    """An index that cannot be used, or not for this; the message names it and says what to do."""


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal digits. Raises OSError when it cannot be read."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
