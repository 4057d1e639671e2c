"""Turning a visitor's uploads into the files of a gallery."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.formats import describe_fault, is_video, is_zip
from ifd_zoo.images.loading import ImageError
from ifd_zoo.uploads.archives import entry_name, extract, is_folder, open_archive
from ifd_zoo.uploads.content import Contents, check_bytes, check_picture, read_head, reading
from ifd_zoo.uploads.labels import Label, read_label
from ifd_zoo.uploads.limits import DEFAULT_LIMITS, Budget, LimitReached, Limits
from ifd_zoo.uploads.names import Names, clean, is_hidden, is_system, shorten_middle
from ifd_zoo.uploads.video import extract_frames


class Gallery(NamedTuple):
    files: list[PhotoFile]
    """Images of a usable size according to their headers; their pixels may still turn out to be damaged."""
    labels: list[Label | None]
    """Label of each of `files`, from its full name: that in `files` may be shortened."""
    skipped: list[str]
    """For each other file its name, the problem and what to do."""


class Collector:
    """Images and messages collected so far; `at` is the name of the current file."""

    def __init__(self, limits: Limits) -> None:
        self.at = ''
        self.budget = Budget(limits)
        self.result = Gallery([], [], [])
        self._names = Names()
        self._contents = Contents()

    def keep(self, path: Path, name: str, label: Label | None) -> None:
        """Add a file.

        Args:
            name: a cleaned path.

        Raises:
            ImageError: it is not an image of a usable size, or was given before.
            LimitReached: there are enough.
        """
        check_picture(path, self.at, self.budget.limits)
        file = PhotoFile(path, self.at)
        with reading(self.at):
            first = self._contents.first(file)
        if first is not file:
            raise ImageError(
                self.at, f'has the same content as {first.name}, and is kept once; nothing needs to be done'
            )
        self.budget.add_file()
        self.result.files.append(PhotoFile(path, self._names.give(name)))
        self.result.labels.append(label)

    @contextmanager
    def skipping(self) -> Iterator[None]:
        """Turn the error of a file that cannot be used into a message."""
        try:
            yield
        except ImageError as error:
            self.result.skipped.append(str(error))

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Turn a reached limit into a message."""
        try:
            yield
        except LimitReached as limit:
            self.result.skipped.append(f'{self.at}: is left out, and all files after it: {limit}; give fewer')


def collect(uploads: Sequence[str | Path | PhotoFile], into: Path, limits: Limits = DEFAULT_LIMITS) -> Gallery:
    """Collect images, images in ZIP archives, and a frame per second of videos, in the order in which they are given.

    The first bytes of a file decide what it is. Images stay where they are; those in a ZIP or a video are written to
    `into` under random names, so that an uploaded name never becomes a path. Of files with equal content the first is
    kept and the others are listed in `skipped`; other files of the same name are numbered, as in `a (2).jpg`. Files
    added by an operating system (`__MACOSX/`, `._a.jpg`, `.DS_Store`, `Thumbs.db`, `desktop.ini`) and hidden files in a
    ZIP are left out silently. Links are not followed; encrypted files and ZIPs within ZIPs are not opened.

    Args:
        uploads: paths, or a PhotoFile for a file with the name that its visitor gave it.
        into: created if missing.

    Raises:
        OSError: `into` cannot be written to. As after any other error, no file is left in it.
    """
    intake, written = Collector(limits), []
    into.mkdir(parents=True, exist_ok=True)
    try:
        with intake.stopping():
            for upload in uploads:
                path, name = upload if isinstance(upload, PhotoFile) else (upload, Path(upload).name)
                name = clean(name)
                if not is_system(name):
                    intake.at = shorten_middle(name)
                    with intake.skipping():
                        _take(intake, Path(path), name, into, written)
    except BaseException:
        _remove(written)
        raise
    kept = {file.path for file in intake.result.files}
    _remove([path for path in written if path not in kept])
    return intake.result


def check_photo(file: PhotoFile, limits: Limits = DEFAULT_LIMITS) -> PhotoFile:
    """Check a single photo, such as a query, as `collect` does; return it with a name for display.

    Raises:
        ImageError: its first bytes or its header show that it is not an image of a usable size.
    """
    path, name = Path(file.path), shorten_middle(clean(file.name))
    head = read_head(path, name)
    if is_zip(head):
        raise ImageError(name, 'is a ZIP, not a picture; unpack it, and give one picture of it')
    if fault := describe_fault(head, name):
        raise ImageError(name, fault)
    check_bytes(path, name, limits)
    check_picture(path, name, limits)
    return PhotoFile(path, name)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _take(intake: Collector, path: Path, name: str, into: Path, written: list[Path]) -> None:
    shown, budget = intake.at, intake.budget
    head = read_head(path, shown)
    if is_zip(head):
        return _take_archive(intake, path, into, written)
    budget.add_entry()
    if is_video(head):
        return _take_clip(intake, path, into, written)
    if fault := describe_fault(head, name):
        raise ImageError(shown, fault)
    budget.add_bytes(check_bytes(path, shown, budget.limits))
    intake.keep(path, name, read_label(name))


def _take_clip(intake: Collector, path: Path, into: Path, written: list[Path]) -> None:
    clip = intake.at
    intake.budget.add_bytes(path.stat().st_size)
    for seconds, file in extract_frames(path, clip, into, intake.budget):
        written.append(file)
        intake.at = f'{clip} {seconds // 60}m{seconds % 60:02d}s'
        with intake.skipping():
            intake.keep(file, intake.at, None)
    intake.at = clip


def _take_archive(intake: Collector, path: Path, into: Path, written: list[Path]) -> None:
    shown, before = intake.at, sum(map(len, intake.result))
    with open_archive(path, shown, intake.budget.limits) as archive:
        intake.budget.add_archive(path.stat().st_size)
        for entry in archive.infolist():
            intake.budget.add_entry()
            name = clean(entry_name(entry))
            if is_folder(entry) or is_system(name) or is_hidden(name):
                continue
            intake.at = shorten_middle(f'{shown}/{name}')
            with intake.skipping():
                written.append(extract(archive, entry, intake.at, into, intake.budget))
                intake.keep(written[-1], name, read_label(name))
    if sum(map(len, intake.result)) == before:
        raise ImageError(shown, 'is a ZIP without pictures; put the pictures into it')
