"""Files of pictures, read in a bounded number of steps.

Pillow walks through chunks, markers, tags and some pixels in Python, and a file of some megabytes can hold millions of
them. What one step costs is bounded, so the number of steps bounds the time.
"""

import io
import os
from pathlib import Path

HEADER_READS = 5_000
"""Steps up to the first pixel. Photos take a few hundred at most."""

HEADER_BYTES = 16_000_000
"""Read up to the first pixel: metadata such as a second picture for a depth map."""

TIFF_HEADER_BYTES = 2_000_000
"""The same of a TIFF file, whose table of strips becomes objects that take a hundred times as much memory."""

PIXEL_READS = 50_000
"""Steps that any picture may take for its pixels."""

BYTES_PER_READ = 512
"""Larger files may take one step more for so many bytes; PNG is usually packed in chunks of 8 KB or more."""

REREAD = 4
"""How often all bytes may be read."""

WHOLE = (b'RIFF', b'ftyp')
"""Marks of formats whose files are handed to a C library whole."""


class TooManySteps(Exception):
    """A file takes more steps to read than pictures do."""


class BoundedReader(io.BufferedReader):
    """A file that is read in a bounded number of steps, first for the header of a picture, then for its pixels.

    Raises:
        OSError: the file cannot be opened.
        TooManySteps: from `read`, when the steps are used up.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = os.fstat(self.fileno()).st_size
        head = self.peek(12)
        self._reads = HEADER_READS
        self._bytes = TIFF_HEADER_BYTES if head[:2] in (b'II', b'MM') else HEADER_BYTES
        if head[:4] in WHOLE or head[4:8] in WHOLE:
            self.allow_pixels()

    def allow_pixels(self) -> None:
        """From here on the steps of the pixels count."""
        self._reads = PIXEL_READS + self.size // BYTES_PER_READ
        self._bytes = HEADER_BYTES + REREAD * self.size

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._reads -= 1
        self._bytes -= len(data)
        if self._reads < 0 or self._bytes < 0:
            raise TooManySteps
        return data
