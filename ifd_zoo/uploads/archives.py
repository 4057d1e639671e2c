"""Reading ZIP archives without trusting them: sizes, names and overlapping entries are checked."""

import io
import secrets
import stat
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ifd_zoo.images.formats import describe_fault, is_zip, picture_suffix
from ifd_zoo.images.loading import ImageError
from ifd_zoo.uploads.content import reading, too_many_bytes
from ifd_zoo.uploads.limits import DIRECTORY_BYTES, SMALL_FILE, Budget, Limits, megabytes
from ifd_zoo.uploads.names import shorten_middle

CHUNK_BYTES = 65536
HEADER_BYTES = 30  # before the name of each entry
END_BYTES = 2**17  # the end of an archive with a comment of up to 65,535 bytes
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Accepted compression methods. Python unpacks the others in steps of unlimited size."""


class _BoundedReader(io.BufferedReader):
    """File reader that brings at most `most` bytes into memory at a time, whatever sizes the file claims."""

    def __init__(self, path: Path, name: str, most: int) -> None:
        super().__init__(io.FileIO(path))
        self._name, self._most = name, min(most, path.stat().st_size)  # memory allocated per step

    def read(self, size: int | None = -1) -> bytes:
        most = self._most + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            raise ImageError(self._name, 'has an unusually large table of contents; give smaller ZIPs')
        return data


@contextmanager
def open_archive(path: Path, name: str, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose entries do not overlap in its file.

    Raises:
        ImageError: it is too large or damaged, or entries share bytes.
    """
    with reading(name):
        size = path.stat().st_size
        file = _BoundedReader(path, name, max(limits.max_entries * DIRECTORY_BYTES, END_BYTES))
    if size > limits.max_total_bytes:
        file.close()
        raise ImageError(name, f'has more than {megabytes(limits.max_total_bytes)}, the limit; give smaller ZIPs')
    with file:
        with _faults(name):
            archive = zipfile.ZipFile(file)
        with archive:
            if len(archive.infolist()) > limits.max_entries:
                raise ImageError(name, f'holds more than {limits.max_entries:,} files, the limit; give smaller ZIPs')
            if _overlapping(archive.infolist(), size):
                raise ImageError(name, 'holds files that overlap, as in a ZIP bomb; make it again from the pictures')
            yield archive


def _overlapping(entries: list[zipfile.ZipInfo], size: int) -> bool:
    # If no bytes are shared, the packed sizes can be trusted: together they are no more than the file.
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            return True
        end = entry.header_offset + HEADER_BYTES + len(entry.orig_filename) + entry.compress_size
    return end > size


def entry_name(entry: zipfile.ZipInfo) -> str:
    """Return the name as it was meant: archives made on a Mac have UTF-8 names without the flag for them."""
    if entry.flag_bits & UTF8_FLAG or entry.orig_filename.isascii():
        return entry.orig_filename
    try:
        return entry.orig_filename.encode('cp437').decode('utf-8')
    except UnicodeError:
        return entry.orig_filename


def is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.orig_filename.endswith(('/', '\\')) or stat.S_ISDIR(entry.external_attr >> 16)


def extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, into: Path, budget: Budget) -> Path:
    """Write an entry to a new file with a random name; unless it is an image, only its first bytes are read.

    Args:
        name: of the entry, for messages.

    Raises:
        ImageError: the entry is not an image, or is damaged, encrypted, a link or too large; no file is left.
        LimitReached: `budget` is used up; no file is left.
    """
    _check_entry(entry, name)
    with closing(_chunks(archive, entry, name, budget)) as chunks:
        head = next(chunks, b'')
        if is_zip(head):
            raise ImageError(name, 'is a ZIP inside a ZIP, which is not opened; unpack it first')
        if fault := describe_fault(head, name):
            raise ImageError(name, fault)
        path = into / f'{secrets.token_hex(16)}{picture_suffix(head)}'
        try:
            with path.open('xb') as file:
                file.write(head)
                for chunk in chunks:
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise ImageError(name, 'is a link, which is not followed; put the picture itself into the ZIP')
    if kind not in (0, stat.S_IFREG):
        raise ImageError(name, 'is not an ordinary file; put the picture itself into the ZIP')
    if entry.flag_bits & ENCRYPTED_FLAG:
        raise ImageError(name, 'is encrypted; make the ZIP without a password')
    if entry.compress_type not in METHODS:
        method = zipfile.compressor_names.get(entry.compress_type, f'method {entry.compress_type}')
        raise ImageError(name, f'is compressed with {method}, which is not supported; make an ordinary ZIP')


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, budget: Budget) -> Iterator[bytes]:
    """Yield the content in pieces, counted as they are read, even if they are then discarded: they cost time."""
    limits, total = budget.limits, 0
    most_by_ratio = max(SMALL_FILE, limits.max_ratio * entry.compress_size)
    with _faults(name):
        stream = archive.open(entry)
    with stream:
        while True:
            with _faults(name):
                chunk = stream.read(CHUNK_BYTES)
            if not chunk:
                return
            total += len(chunk)
            budget.add_unpacked(len(chunk))
            if total > most_by_ratio:
                grown = f'grows more than {limits.max_ratio} times as it is unpacked, as a ZIP bomb does'
                raise ImageError(name, f'{grown}; give the picture itself')
            if total > limits.max_file_bytes:
                raise ImageError(name, too_many_bytes(limits))
            yield chunk


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    # Damaged bytes make it raise BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, ValueError ...
    except Exception as error:
        fault = shorten_middle(str(error) or type(error).__name__)  # it may quote a name of any length
        raise ImageError(name, f'is damaged or incomplete ({fault}); copy it or make it again') from error
