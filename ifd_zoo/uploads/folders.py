"""A local folder as a gallery."""

import os
from collections.abc import Iterator
from pathlib import Path

from ifd_zoo.images.formats import SUFFIXES, UNREAD_SUFFIXES, describe_fault, is_zip, picture_suffix
from ifd_zoo.images.loading import ImageError
from ifd_zoo.uploads.collecting import Collector, Gallery
from ifd_zoo.uploads.content import check_bytes, read_head, reading
from ifd_zoo.uploads.labels import read_label
from ifd_zoo.uploads.limits import DEFAULT_LIMITS, Limits
from ifd_zoo.uploads.names import clean, is_hidden, is_system, shorten_middle

NAMED_SUFFIXES = {*SUFFIXES, *UNREAD_SUFFIXES, '.zip', '.rar', '.7z'}
"""Suffixes of files that are listed in `skipped` when they are left out."""


def collect_folder(root: str | Path, limits: Limits = DEFAULT_LIMITS) -> Gallery:
    """Collect all images in a folder and its subfolders, sorted by their relative paths, which are also their names.

    Nothing is copied. The first bytes of a file decide what it is. A file with neither the bytes nor the suffix of an
    image or archive, such as `README.txt`, is left out silently, as are hidden files and folders and those added by an
    operating system; anything else that is left out is listed in `skipped`. Links are not followed, ZIPs not opened.
    Labels are read from absolute paths, so that folders above `root` count.

    Args:
        root: may itself be a link.

    Raises:
        ImageError: the folder does not exist or cannot be read.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise ImageError(str(root), 'no such folder; give one that holds pictures')
    root, intake = root.resolve(), Collector(limits)
    with reading(str(root)):
        os.scandir(root).close()
    with intake.stopping():
        for entry, name in _walk(root, intake):
            intake.at = shorten_middle(name)
            intake.budget.add_entry()
            with intake.skipping():
                _take(intake, entry, name, root)
    return intake.result


def _walk(root: Path, intake: Collector) -> Iterator[tuple[os.DirEntry, str]]:
    """Yield files and links with their names, without hidden ones; folders that are left out become messages."""
    waiting, most = _entries(root), intake.budget.limits.max_depth
    while waiting:
        entry = waiting.pop()
        # A backslash is part of a name here, and `clean` would take it for a separator.
        name = clean(os.path.relpath(entry.path, root).replace('\\', '_'))
        if is_system(name) or is_hidden(name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield entry, name
            continue
        shown = shorten_middle(name)
        with intake.skipping(), reading(shown):
            if name.count('/') >= most:
                raise ImageError(shown, f'is more than {most} folders deep, the limit; move its pictures up')
            waiting += _entries(entry.path)


def _entries(folder: str | Path) -> list[os.DirEntry]:
    """Return the entries of a folder, last name first."""
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name, reverse=True)


def _take(intake: Collector, entry: os.DirEntry, name: str, root: Path) -> None:
    path, shown = Path(entry.path), intake.at
    if entry.is_symlink():
        raise ImageError(shown, 'is a link, which is not followed; copy the picture itself into the folder')
    head = read_head(path, shown)
    if not picture_suffix(head) and path.suffix.lower() not in NAMED_SUFFIXES:
        return
    if is_zip(head):
        raise ImageError(shown, 'is a ZIP, which is not opened in a folder; unpack it')
    if fault := describe_fault(head, name):
        raise ImageError(shown, fault)
    check_bytes(path, shown, intake.budget.limits)
    intake.keep(path, name, read_label(f'{root}/{name}'))
