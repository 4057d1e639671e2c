"""Persons of gallery files by folder name: the folder that a file is in, or the one above the outfit's."""

from collections.abc import Sequence
from pathlib import Path

from ifd_zoo.common.choices import FOLDER_LABELS
from ifd_zoo.datasets.folder import FILE_NAME
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.uploads.labels import Label

*_, PERSON, OUTFIT = FOLDER_LABELS
DEPTHS = {PERSON: 1, OUTFIT: 2}
"""Number of folders on the way from the person's folder, included, to the file."""
ADVICE = f'give --labels {PERSON} or --labels {OUTFIT}, whichever fits'


def read_people(folder: Path, paths: Sequence[Path], said: Sequence[Label | None], labels: str) -> list[str]:
    """Return the name of the person's folder for each image.

    Args:
        folder: of the gallery; the `paths` are in it.
        said: the label read from the path of each image.
        labels: `folders` guesses the layout from those labels; `person` and `person/outfit` are taken as given.

    Raises:
        GalleryIndexError: an image is in too few folders, or it is unclear which folder is the person's.
    """
    layouts = {labels}
    if labels not in DEPTHS:
        layouts = {_layout(folder, path, label) for path, label in zip(paths, said, strict=True)}
    if len(layouts) > 1:
        raise GalleryIndexError(f'{folder}: some pictures are in {PERSON} and others in {OUTFIT}; {ADVICE}')
    depth = DEPTHS[layouts.pop()]
    for path in paths:
        if len(path.relative_to(folder).parts) <= depth:
            raise GalleryIndexError(f'{path}: has no label: it is outside the folders of persons')
    people = [path.parents[depth - 1] for path in paths]
    if labels not in DEPTHS:
        _check_people(people, said)
    return [person.name for person in people]


def _layout(folder: Path, path: Path, label: Label | None) -> str:
    """Return the layout of an image's path; raises GalleryIndexError if it is ambiguous."""
    relative = path.relative_to(folder)
    scheme = label.scheme if label else ''
    if scheme == 'folder' or FILE_NAME.fullmatch(path.stem):
        if len(relative.parts) < 3:
            what = f'{relative}: {path.parent.name!r} may be a person, or an outfit of {path.parents[1].name!r}'
            raise GalleryIndexError(f'{folder}: {what}; give the folder that holds all persons, or {ADVICE}')
        return OUTFIT
    if len(relative.parts) > 2 and scheme != 'prcc':
        what = f'{relative}: the person may be {path.parent.name!r} or {path.parents[1].name!r}'
        raise GalleryIndexError(f'{folder}: {what}; {ADVICE}')
    return PERSON


def _check_people(people: Sequence[Path], said: Sequence[Label | None]) -> None:
    """Raise GalleryIndexError if a person has several folders, or file names in one folder name several persons."""
    folder_of, label_of = {}, {}
    for person, label in zip(people, said, strict=True):
        scheme = label.scheme if label else ''
        other = folder_of.setdefault(person.name, person)
        if other != person and scheme != 'prcc':  # PRCC has a folder for each camera of a person
            raise GalleryIndexError(f'{other} and {person}: one person or two? give a folder with only one of them')
        if label and label_of.setdefault(person, label.pid) != label.pid:
            raise GalleryIndexError(f'{person}: its file names belong to several persons; {ADVICE}')
