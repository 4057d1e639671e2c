"""Limits on uploads."""

from dataclasses import dataclass

from ifd_zoo.images.loading import MAX_PIXELS

SMALL_FILE = 1_000_000
"""Bytes. Smaller files have no limit on their ratio: they cost little, and single-coloured images pack very well."""

SMALL_TOTAL = 20_000_000
"""Bytes. The same for the content of all ZIPs together."""

DIRECTORY_BYTES = 400
"""Bytes per entry that the table of contents of a ZIP may take on average; 100 to 200 are usual."""


class LimitReached(Exception):
    """No more files are accepted; the message names the limit."""


@dataclass(frozen=True)
class Limits:
    """Limits of one call; the defaults suit a page that is open to everyone."""

    max_files: int = 5_000
    """Images that are kept."""
    max_entries: int = 20_000
    """Files examined, images or not; ZIPs made on a Mac have a system file beside each image."""
    max_file_bytes: int = 50_000_000
    """Bytes of one image, unpacked."""
    max_total_bytes: int = 1_000_000_000
    """Bytes of all uploads, unpacked. Files of `collect_folder` are not copied and do not count."""
    max_ratio: int = 200
    """Unpacked over packed bytes of a file in a ZIP."""
    max_total_ratio: int = 50
    """Unpacked over packed bytes of all ZIPs. Photos hardly pack; galleries of bitmaps on a plain ground do, tenfold.
    """
    max_pixels: int = MAX_PIXELS
    """Width times height of one image."""
    max_aspect: int = 100
    """Longer over shorter side of one image. Shrinking would leave only a few pixels of a longer strip."""
    max_depth: int = 32
    """Levels of nested folders."""


DEFAULT_LIMITS = Limits()


class Budget:
    """Counts accepted input; a method raises LimitReached if that exceeds `limits`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._files = self._entries = self._bytes = self._packed = self._unpacked = 0

    def add_file(self) -> None:
        self._files += 1
        if self._files > self.limits.max_files:
            raise LimitReached(f'a gallery has at most {self.limits.max_files:,} pictures')

    def add_entry(self) -> None:
        self._entries += 1
        if self._entries > self.limits.max_entries:
            raise LimitReached(f'at most {self.limits.max_entries:,} files are looked at')

    def add_bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self.limits.max_total_bytes:
            raise LimitReached(f'at most {megabytes(self.limits.max_total_bytes)} are unpacked')

    def add_archive(self, count: int) -> None:
        """Count a ZIP of so many bytes, before anything is unpacked from it."""
        self._packed += count

    def add_unpacked(self, count: int) -> None:
        self.add_bytes(count)
        self._unpacked += count
        if self._unpacked > max(SMALL_TOTAL, self.limits.max_total_ratio * self._packed):
            raise LimitReached(f'ZIPs may hold at most {self.limits.max_total_ratio} times as much as their own bytes')


def megabytes(count: int) -> str:
    return f'{count / 1e6:,.10g} MB'
