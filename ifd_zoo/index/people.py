"""Whose picture a file of a gallery is, by its folders: the one it lies in, or the one above an outfit's."""

from collections.abc import Sequence
from pathlib import Path

from ifd_zoo.common.choices import FOLDER_LABELS
from ifd_zoo.datasets.folder import FILE_NAME
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.uploads.labels import Label

*_, PERSON, OUTFIT = FOLDER_LABELS
DEPTHS = {PERSON: 1, OUTFIT: 2}
"""Folders between the file and what holds the person's folder."""
ADVICE = f'say --labels {PERSON} or --labels {OUTFIT}, whichever it is'


def read_people(folder: Path, paths: Sequence[Path], said: Sequence[Label | None], labels: str) -> list[str]:
    """The name of the person's folder for each picture.

    Args:
        folder: of the gallery; the `paths` are in it.
        said: what the names of files and folders say of each.
        labels: `folders` goes by what the readers of data sets and of uploads know; `person` and `person/outfit` are
            believed.

    Raises:
        GalleryIndexError: a picture is in too few folders, or the names do not tell which one is the person's.
    """
    layouts = {labels}
    if labels not in DEPTHS:
        layouts = {_layout(folder, path, label) for path, label in zip(paths, said, strict=True)}
    if len(layouts) > 1:
        raise GalleryIndexError(f'{folder}: some pictures are in {PERSON} and others in {OUTFIT}; {ADVICE}')
    depth = DEPTHS[layouts.pop()]
    for path in paths:
        if len(path.relative_to(folder).parts) <= depth:
            raise GalleryIndexError(f'{path}: has no label, as it lies outside the folders of the persons')
    people = [path.parents[depth - 1] for path in paths]
    if labels not in DEPTHS:
        _check_people(people, said)
    return [person.name for person in people]


def _layout(folder: Path, path: Path, label: Label | None) -> str:
    """Tell the layout of one picture; raises GalleryIndexError when it may be either."""
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
    """Raises GalleryIndexError: a person has several folders, or a folder by the names of its files several persons."""
    folder_of, label_of = {}, {}
    for person, label in zip(people, said, strict=True):
        scheme = label.scheme if label else ''
        other = folder_of.setdefault(person.name, person)
        if other != person and scheme != 'prcc':  # whose people have a folder for each camera
            raise GalleryIndexError(f'{other} and {person}: one person or two? give the folder above one of them')
        if label and label_of.setdefault(person, label.pid) != label.pid:
            raise GalleryIndexError(f'{person}: the names of its files tell of several persons; {ADVICE}')
