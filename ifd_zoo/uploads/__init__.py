"""Uploads in: pictures, ZIP archives and folders become the files of a gallery, and labels are read from their names.

`collect` takes what a user uploads, `collect_folder` a folder of the machine's own, `read_label` and `mark` tell right
from wrong answers where file names carry labels. None of them raises because of a bad file: it is named in `skipped`.
`check_photo` does, of one photo.
"""

from ifd_zoo.uploads.collecting import Gallery, check_photo, collect
from ifd_zoo.uploads.folders import collect_folder
from ifd_zoo.uploads.labels import Label, Mark, mark, read_label
from ifd_zoo.uploads.limits import Limits

__all__ = ['Gallery', 'Label', 'Limits', 'Mark', 'check_photo', 'collect', 'collect_folder', 'mark', 'read_label']
