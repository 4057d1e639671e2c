"""What a user uploads becomes the files of a gallery."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.formats import fault_of, is_video, is_zip
from ifd_zoo.images.loading import ImageError
from ifd_zoo.uploads.archives import entry_name, extract, is_folder, open_archive
from ifd_zoo.uploads.content import Contents, check_bytes, check_picture, read_head, reading
from ifd_zoo.uploads.labels import Label, read_label
from ifd_zoo.uploads.limits import DEFAULT_LIMITS, Budget, LimitReached, Limits
from ifd_zoo.uploads.names import Names, clean, is_hidden, is_system, shorten_middle
from ifd_zoo.uploads.video import extract_frames


class Gallery(NamedTuple):
    files: list[PhotoFile]
    """Their headers say that they are pictures of a usable size; pixels may still turn out to be damaged."""
    labels: list[Label | None]
    """One for each of `files`, from its whole name: that of `files` may be shortened."""
    skipped: list[str]
    """For each other file its name, what is wrong with it and what to do."""


class Intake:
    """Pictures and messages while they come in; `at` is the name of the file that is being looked at."""

    def __init__(self, limits: Limits) -> None:
        self.at = ''
        self.budget = Budget(limits)
        self.result = Gallery([], [], [])
        self._names = Names()
        self._contents = Contents()

    def keep(self, path: Path, name: str, label: Label | None) -> None:
        """Take a file in.

        Args:
            name: a cleaned path.

        Raises:
            ImageError: it is no picture of a usable size, or was given before.
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
        """A file that cannot be used becomes a message."""
        try:
            yield
        except ImageError as error:
            self.result.skipped.append(str(error))

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """The end of the limits becomes a message."""
        try:
            yield
        except LimitReached as limit:
            self.result.skipped.append(f'{self.at}: is left out, and all files after it: {limit}; give fewer')


def collect(uploads: Sequence[str | Path | PhotoFile], into: Path, limits: Limits = DEFAULT_LIMITS) -> Gallery:
    """Pictures, the pictures in ZIP archives, and one of each second of videos, in the order they come in.

    What a file is, its first bytes say. Pictures stay where they are; those in a ZIP or a video are written below
    `into` under random names, so that no name of an upload is ever a path. Of files with equal content the first is
    kept and the others are named in `skipped`; other files of one name are numbered, as in `a (2).jpg`. What an
    operating system adds (`__MACOSX/`, `._a.jpg`, `.DS_Store`, `Thumbs.db`, `desktop.ini`) and, in a ZIP, hidden files
    are left out silently. Links, encrypted files and ZIPs within ZIPs are not followed or opened.

    Args:
        uploads: a PhotoFile is a file with the name that its user knows it by.
        into: made when missing.

    Raises:
        OSError: `into` cannot be written to. As after any other error, no file is left in it.
    """
    intake, written = Intake(limits), []
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
    """A photo that is given by itself, as a query is, looked at as `collect` does. Returns it with a name to show.

    Raises:
        ImageError: its first bytes or its header say that it is no picture of a usable size.
    """
    path, name = Path(file.path), shorten_middle(clean(file.name))
    head = read_head(path, name)
    if is_zip(head):
        raise ImageError(name, 'is a ZIP, not a picture; unpack it, and give one picture of it')
    if fault := fault_of(head, name):
        raise ImageError(name, fault)
    check_bytes(path, name, limits)
    check_picture(path, name, limits)
    return PhotoFile(path, name)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _take(intake: Intake, path: Path, name: str, into: Path, written: list[Path]) -> None:
    shown, budget = intake.at, intake.budget
    head = read_head(path, shown)
    if is_zip(head):
        return _take_archive(intake, path, into, written)
    budget.add_entry()
    if is_video(head):
        return _take_clip(intake, path, into, written)
    if fault := fault_of(head, name):
        raise ImageError(shown, fault)
    budget.add_bytes(check_bytes(path, shown, budget.limits))
    intake.keep(path, name, read_label(name))


def _take_clip(intake: Intake, path: Path, into: Path, written: list[Path]) -> None:
    clip = intake.at
    intake.budget.add_bytes(path.stat().st_size)
    for seconds, file in extract_frames(path, clip, into, intake.budget):
        written.append(file)
        intake.at = f'{clip} {seconds // 60}m{seconds % 60:02d}s'
        with intake.skipping():
            intake.keep(file, intake.at, None)
    intake.at = clip


def _take_archive(intake: Intake, path: Path, into: Path, written: list[Path]) -> None:
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
