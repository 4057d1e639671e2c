"""What all parts of the index share."""

from ifd_zoo.errors import ZooError


class GalleryIndexError(ZooError, ValueError):
    """An index that cannot be used, or not for this; the message names it and says what to do."""
