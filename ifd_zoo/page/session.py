"""What belongs to a visitor: files, galleries that were unpacked, and the wish to stop."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from gradio.context import LocalContext

from ifd_zoo.common.recent import Recent
from ifd_zoo.gallery import PhotoFile, hash_content
from ifd_zoo.page.guard.upload_retention import UploadRetention
from ifd_zoo.page.stops import Stops
from ifd_zoo.uploads import Gallery

GALLERIES_KNOWN = 32  # names and paths; their files go with the visitors


def visitor() -> str:
    """Whose event this is, in few characters whatever the visitor sent; empty outside of one."""
    request = LocalContext.request.get(None)
    sent = (request.session_hash or '') if request else ''
    return hashlib.sha256(sent.encode(errors='backslashreplace')).hexdigest() if sent else ''


class Sessions:
    """Those of all visitors; what is done here is done for the visitor of the event. Safe between threads.

    Args:
        folder: a gallery on this machine that any visitor can search without an upload.
        keeping: knows which files are whose, and deletes them; without it they stay.
    """

    def __init__(self, folder: Gallery | None = None, keeping: UploadRetention | None = None) -> None:
        self.folder, self.keeping = folder, keeping
        self.stops = Stops()
        self._galleries = Recent(GALLERIES_KNOWN)

    def begin(self) -> None:
        """First in an event that can be stopped: what ended an earlier one does not end this one."""
        self.stops.forget(visitor())

    def claim(self, *paths: str | Path) -> None:
        """These uploads are the visitor's; the visitor is here, also without any."""
        if self.keeping:
            self.keeping.claim(visitor(), paths)

    def keep(self, *paths: str | Path) -> None:
        """These results are the visitor's, and go some time after the visitor."""
        if self.keeping:
            self.keeping.give(visitor(), paths)

    def leave(self) -> None:
        """The visitor has gone."""
        if self.keeping:
            self.keeping.leave(visitor())

    def has_room(self) -> bool:
        """Whether visitors have fewer files than they may."""
        return not self.keeping or self.keeping.has_room()

    def unpacked(self, uploads: Sequence[PhotoFile], unpack: Callable[[], Gallery]) -> Gallery:
        """What uploads hold, unpacked once and known by their content for a while."""
        key = tuple((hash_content(file.path), file.name) for file in uploads)
        found = self._galleries.get(key)
        if found:  # kept first, so that nobody deletes its files between this look and their use
            self.keep(*(file.path for file in found.files))
        if not found or not all(os.path.isfile(file.path) for file in found.files):
            found = self._galleries[key] = unpack()
            self.keep(*(file.path for file in found.files))
        return found
