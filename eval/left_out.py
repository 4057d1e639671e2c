"""Pictures in the folders of a data set that its reader does not take."""

from collections.abc import Iterable
from pathlib import Path

from ifd_zoo.formats import HEAD_BYTES, SUFFIXES, UNREAD_SUFFIXES, fault_of, is_hidden, list_pictures, picture_suffix


def left_out(places: Iterable[tuple[Path, str]]) -> list[str]:
    """Each such file, and why it is not taken. Hidden files and those that are no pictures are not named.

    Args:
        places: of a `ReIDDataset`.
    """
    lines = []
    for folder, pattern in places:
        taken = set(list_pictures(folder, pattern))
        others = (path for path in folder.rglob('*') if path not in taken and not is_hidden(path, folder))
        lines += [f'{path}: {fault}' for path in sorted(others) if (fault := _fault(path, folder, pattern))]
    return lines


def _fault(path: Path, folder: Path, pattern: str) -> str | None:
    """None for a folder and for what is no picture."""
    if path.is_dir():
        return None
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return f'lies at another depth than {folder.name}/{pattern}'
    if not path.is_file():  # a link that leads nowhere, a pipe
        return None
    with path.open('rb') as file:
        head = file.read(HEAD_BYTES)
    if right := picture_suffix(head):
        return f'is a picture by its content, but not by its name; let it end in {right}'
    return fault_of(head, path.name) if suffix in UNREAD_SUFFIXES else None
