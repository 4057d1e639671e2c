"""How much may come in."""

from dataclasses import dataclass

from ifd_zoo.images.loading import MAX_PIXELS

SMALL_FILE = 1_000_000
"""Bytes. The ratio of smaller files is not looked at: they cost little, and one-coloured pictures pack very well."""

SMALL_TOTAL = 20_000_000
"""Bytes. The same of all that ZIPs hold together."""

DIRECTORY_BYTES = 400
"""Per entry, what the table of contents of a ZIP may take on average; 100 to 200 is usual."""


class LimitReached(Exception):
    """Nothing more is taken in; the message names the limit."""


@dataclass(frozen=True)
class Limits:
    """What one call takes in at most; the defaults suit a page that anybody can reach."""

    max_files: int = 5_000
    """Pictures that are kept."""
    max_entries: int = 20_000
    """Files looked at, pictures or not; ZIPs of a Mac have a system file beside each picture."""
    max_file_bytes: int = 50_000_000
    """Bytes of one picture, unpacked."""
    max_total_bytes: int = 1_000_000_000
    """Bytes of all uploads, unpacked. Files of `collect_folder` are not copied and do not count."""
    max_ratio: int = 200
    """Unpacked over packed bytes of a file in a ZIP."""
    max_total_ratio: int = 50
    """Unpacked over packed bytes of all ZIPs. Photos hardly pack; galleries of bitmaps on plain ground, tenfold."""
    max_pixels: int = MAX_PIXELS
    """Width times height of one picture."""
    max_aspect: int = 100
    """Longer over shorter side of one picture. Of a longer strip a few pixels would be left after shrinking."""
    max_depth: int = 32
    """Folders within folders."""


DEFAULT_LIMITS = Limits()


class Budget:
    """Counts what has come in; every method raises LimitReached instead of going beyond `limits`."""

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
        """A ZIP of so many bytes, before anything is unpacked from it."""
        self._packed += count

    def add_unpacked(self, count: int) -> None:
        self.add_bytes(count)
        self._unpacked += count
        if self._unpacked > max(SMALL_TOTAL, self.limits.max_total_ratio * self._packed):
            raise LimitReached(f'ZIPs may hold at most {self.limits.max_total_ratio} times as much as their own bytes')


def megabytes(count: int) -> str:
    return f'{count / 1e6:,.10g} MB'
