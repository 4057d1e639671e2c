"""What all parts of the index share."""


class GalleryIndexError(ValueError):
    """An index that cannot be used, or not for this; the message names it and says what to do."""
