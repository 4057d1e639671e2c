"""Image files, read in a bounded number of steps.

Pillow walks through chunks, markers, tags and some pixels in Python, and a file of a few megabytes can hold millions of
them. The cost of one step is bounded, so a limit on the number of steps bounds the time.
"""

import io
import os
from pathlib import Path

HEADER_READS = 5_000
"""Reads allowed before the first pixel. Photos take a few hundred at most."""

HEADER_BYTES = 16_000_000
"""Bytes allowed before the first pixel, for metadata such as a second image with a depth map."""

TIFF_HEADER_BYTES = 2_000_000
"""The same for TIFF, whose table of strips becomes objects that take a hundred times as much memory."""

PIXEL_READS = 50_000
"""Reads allowed for the pixels of any image."""

BYTES_PER_READ = 512
"""Bytes of the file per additional read for its pixels; PNG usually comes in chunks of 8 KB or more."""

REREAD = 4
"""Number of times that the whole file may be read."""

WHOLE = (b'RIFF', b'ftyp')
"""Signatures of formats whose files are passed to a C library as a whole."""


class TooManySteps(Exception):
    """A file takes more steps to read than real images do."""


class BoundedReader(io.BufferedReader):
    """File with a limit on reads and bytes, first for the header of an image, then for its pixels.

    Raises:
        OSError: the file cannot be opened.
        TooManySteps: from `read`, when a limit is exceeded.
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
        """Switch from the limits for the header to those for the pixels."""
        self._reads = PIXEL_READS + self.size // BYTES_PER_READ
        self._bytes = HEADER_BYTES + REREAD * self.size

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._reads -= 1
        self._bytes -= len(data)
        if self._reads < 0 or self._bytes < 0:
            raise TooManySteps
        return data
