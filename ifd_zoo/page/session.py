"""Per-visitor state: files, unpacked galleries and cancellation requests."""

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

GALLERIES_KNOWN = 32  # cached file lists; the files are deleted with their visitors


def visitor() -> str:
    """Return a fixed-length id of the visitor whose event is running; empty outside of an event."""
    request = LocalContext.request.get(None)
    sent = (request.session_hash or '') if request else ''
    return hashlib.sha256(sent.encode(errors='backslashreplace')).hexdigest() if sent else ''


class Sessions:
    """Sessions of all visitors; each method acts on the visitor of the current event. Thread-safe.

    Args:
        folder: a gallery on this machine that any visitor can search without an upload.
        keeping: deletes the files of visitors; without it, files stay.
    """

    def __init__(self, folder: Gallery | None = None, keeping: UploadRetention | None = None) -> None:
        self.folder, self.keeping = folder, keeping
        self.stops = Stops()
        self._galleries = Recent(GALLERIES_KNOWN)

    def begin(self) -> None:
        """Forget earlier cancellations; call this first in an event that can be cancelled."""
        self.stops.forget(visitor())

    def claim(self, *paths: str | Path) -> None:
        """Register uploads of the visitor; marks the visitor as present even without any."""
        if self.keeping:
            self.keeping.claim(visitor(), paths)

    def keep(self, *paths: str | Path) -> None:
        """Register results for the visitor, to be deleted some time after the visitor leaves."""
        if self.keeping:
            self.keeping.give(visitor(), paths)

    def leave(self) -> None:
        """Mark the visitor as gone."""
        if self.keeping:
            self.keeping.leave(visitor())

    def has_room(self) -> bool:
        """Return whether the visitors' files are below the quota."""
        return not self.keeping or self.keeping.has_room()

    def unpacked(self, uploads: Sequence[PhotoFile], unpack: Callable[[], Gallery]) -> Gallery:
        """Return the unpacked uploads; results are cached by content."""
        key = tuple((hash_content(file.path), file.name) for file in uploads)
        found = self._galleries.get(key)
        if found:  # kept first, so that its files are not deleted between the check and their use
            self.keep(*(file.path for file in found.files))
        if not found or not all(os.path.isfile(file.path) for file in found.files):
            found = self._galleries[key] = unpack()
            self.keep(*(file.path for file in found.files))
        return found
