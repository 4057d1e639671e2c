"""An index of picture files: what is not in it yet is embedded, group by group, so that a stop loses one group."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ifd_zoo.files import hash_file
from ifd_zoo.images.formats import SUFFIXES, list_pictures
from ifd_zoo.images.loading import ImageError
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.key import index_key
from ifd_zoo.index.people import read_people
from ifd_zoo.index.storage import SHARD_ROWS, GalleryIndex
from ifd_zoo.predictor import Predictor

GROUP = 512
"""Files of a shard before they are merged: what a stop may lose."""
LOOSE_SHARDS = 64
"""So many more than needed are left before they are merged; each costs a search some microseconds."""

Embed = Callable[[Sequence[Path]], np.ndarray]
"""Picture files in, embeddings (n, D) float32 of unit length out; raises ImageError for a file that cannot be used."""


class IndexFile(NamedTuple):
    path: Path
    name: str
    """In the index; each once."""
    label: str = ''
    """Name of the person."""


class IndexStats(NamedTuple):
    """How many files were ..."""

    added: int
    """... new to the index, or other than before."""
    embedded: int
    """... shown to the model: of files with the same bytes only the first."""
    present: int
    """... in the index already."""
    skipped: list[str]
    """For each file that cannot be used its name and what is wrong with it. A row that it had is still there."""


def folder_files(folder: str | Path, labels: str = 'none') -> list[IndexFile]:
    """All pictures in a folder and the folders in it, without hidden ones, by their path relative to it, sorted.

    Args:
        labels: out of `FOLDER_LABELS`, the label is the name of the person's folder, with `none` empty.

    Raises:
        GalleryIndexError: there is no such folder, no picture in it, or it is not clear which folder is a person's.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise GalleryIndexError(f'{folder}: no such folder; give the folder of the gallery')
    paths = list_pictures(folder)
    if not paths:
        raise GalleryIndexError(f'{folder}: no pictures in this folder; looked for {", ".join(SUFFIXES)}')
    people = [''] * len(paths) if labels == 'none' else read_people(folder, paths, labels)
    return [
        IndexFile(path, path.relative_to(folder).as_posix(), person) for path, person in zip(paths, people, strict=True)
    ]


def build(
    index: GalleryIndex,
    predictor: Predictor,
    files: Sequence[IndexFile],
    progress: Callable[[int], None] = lambda done: None,
) -> IndexStats:
    """Bring files into an index; called again after a stop it goes on where it was.

    Args:
        progress: called with the number of files done.

    Raises:
        GalleryIndexError: the index is of another model or setting, or another process has written to it.
        ValueError: two files have the same name, or an embedding is not finite.
        OSError: the index cannot be written.
    """
    index.require_key(index_key(predictor))
    return fill(index, predictor.embed, files, progress, predictor.batch_size)


def fill(
    index: GalleryIndex,
    embed: Embed,
    files: Sequence[IndexFile],
    progress: Callable[[int], None] = lambda done: None,
    batch_size: int = 16,
    group: int = GROUP,
) -> IndexStats:
    """`build` with any function that embeds.

    Args:
        batch_size: files that are embedded between two steps of the progress.
        group: files between two writes.
    """
    if len({file.name for file in files}) < len(files):
        raise ValueError('two files have the same name in the index; give each another')
    total = IndexStats(0, 0, 0, [])
    for start in range(0, len(files), group):
        chosen = files[start : start + group]
        part = _add_group(index, embed, chosen, batch_size, lambda done, start=start: progress(start + done))
        total = IndexStats(*(before + now for before, now in zip(total, part, strict=True)))
        progress(start + len(chosen))
    shards = index.manifest.shards
    if len(shards) > LOOSE_SHARDS + 2 * index.manifest.rows // SHARD_ROWS:
        index.compact()
    return total


def _add_group(
    index: GalleryIndex, embed: Embed, files: Sequence[IndexFile], batch_size: int, progress: Callable[[int], None]
) -> IndexStats:
    wanted, present, skipped = _changed(index, files)
    known = {content: index.table.find(content) for content in wanted.values()}
    owners = {content: file for file, content in reversed(wanted.items()) if known[content] is None}
    missing = [file for file, content in wanted.items() if owners.get(content) == file]
    faults, embedded = {}, 0
    for start in range(0, len(missing), batch_size):
        progress(len(files) - len(missing) + start)
        batch = missing[start : start + batch_size]
        for file, result in zip(batch, _embed(embed, batch), strict=True):
            if isinstance(result, ImageError):
                faults[wanted[file]] = result.reason
            else:
                known[wanted[file]] = result
                embedded += 1
    usable = {file: content for file, content in wanted.items() if content not in faults}
    skipped += [f'{file.name}: {faults[content]}' for file, content in wanted.items() if content in faults]
    if usable:
        names, labels = [file.name for file in usable], [file.label for file in usable]
        contents = list(usable.values())
        index.add(names, np.stack([known[content] for content in contents]), contents, labels)
    return IndexStats(len(usable), embedded, present, skipped)


def _changed(index: GalleryIndex, files: Sequence[IndexFile]) -> tuple[dict[IndexFile, bytes], int, list[str]]:
    """SHA-256 of files that are not in the index as they are; how many others are; and those that cannot be read."""
    wanted, present, skipped = {}, 0, []
    for file in files:
        try:
            content = bytes.fromhex(hash_file(file.path))
        except OSError as error:
            skipped.append(f'{file.name}: cannot be read ({error.strerror})')
            continue
        if index.table.state(file.name) == (content, file.label):
            present += 1
        else:
            wanted[file] = content
    return wanted, present, skipped


def _embed(embed: Embed, files: Sequence[IndexFile]) -> Sequence[np.ndarray | ImageError]:
    """For each file its embedding, or why it has none."""
    try:
        return embed([file.path for file in files])
    except ImageError as error:
        if len(files) == 1:
            return [error]
    return [_embed(embed, [file])[0] for file in files]
