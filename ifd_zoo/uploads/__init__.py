"""Uploads: images, ZIP archives and folders become gallery files, and labels are read from their names.

`collect` takes a visitor's uploads, `collect_folder` a local folder; `read_label` and `mark` tell right from wrong
matches where file names carry labels. A bad file is listed in `skipped`; only `check_photo`, of one photo, raises.
"""

from ifd_zoo.uploads.collecting import Gallery, check_photo, collect
from ifd_zoo.uploads.folders import collect_folder
from ifd_zoo.uploads.labels import Label, Mark, mark, read_label
from ifd_zoo.uploads.limits import Limits

__all__ = ['Gallery', 'Label', 'Limits', 'Mark', 'check_photo', 'collect', 'collect_folder', 'mark', 'read_label']
