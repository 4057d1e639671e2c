"""An index of picture files: what is not in it yet is embedded, group by group, so that a stop loses one group."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ifd_zoo.files import hash_file
from ifd_zoo.images.formats import SUFFIXES, list_pictures
from ifd_zoo.images.loading import ImageError
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.engine import Row
from ifd_zoo.index.key import index_key
from ifd_zoo.index.people import read_people
from ifd_zoo.index.table import LOOSE, GalleryIndex, is_text
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import Predictor
from ifd_zoo.uploads.labels import read_label

GROUP = 512
"""Files between two writes: what a stop may lose."""
LAST_SECOND = 253402300799  # of the year 9999, the last that `datetime` knows

Embed = Callable[[Sequence[Path]], np.ndarray]
"""Picture files in, embeddings (n, D) float32 of unit length out; raises ImageError for a file that cannot be used."""


class IndexFile(NamedTuple):
    path: Path
    name: str
    """In the index; each once."""
    pid: str = ''
    """Name of the person."""
    camid: str = ''
    time: datetime | None = None
    """Local where it has no zone; None stands for when the file was last changed."""


class IndexStats(NamedTuple):
    """How many files were ..."""

    added: int
    """... new to the index, or other than before."""
    embedded: int
    """... shown to the model: of files with the same bytes only the first."""
    present: int
    """... in the index already."""
    removed: int
    """... taken out."""
    skipped: list[str]
    """For each file that cannot be used its name and what is wrong with it."""


def folder_files(folder: str | Path, labels: str = 'none') -> list[IndexFile]:
    """All pictures in a folder and the folders in it, without hidden ones, by their path relative to it, sorted.

    Args:
        labels: out of `FOLDER_LABELS`, the pid is the name of the person's folder, with `none` empty. The camid is
            told by the file's name, where that is one of a data set's.

    Raises:
        GalleryIndexError: there is no such folder, no picture in it, or it is not clear which folder is a person's.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise GalleryIndexError(f'{folder}: no such folder; give the folder of the gallery')
    paths = list_pictures(folder)
    if not paths:
        raise GalleryIndexError(f'{folder}: no pictures in this folder; looked for {", ".join(SUFFIXES)}')
    said = [read_label(f'{folder.resolve()}/{path.relative_to(folder)}') for path in paths]
    people = [''] * len(paths) if labels == 'none' else read_people(folder, paths, said, labels)
    cameras = ['' if label is None or label.camid is None else str(label.camid) for label in said]
    names = [path.relative_to(folder).as_posix() for path in paths]
    return [IndexFile(*values) for values in zip(paths, names, people, cameras, strict=True)]


def build(
    place: str | Path,
    predictor: Predictor,
    files: Sequence[IndexFile],
    progress: Callable[[int], None] = lambda done: None,
    keep: Collection[str] | None = None,
) -> tuple[GalleryIndex, IndexStats]:
    """`fill` the index of a predictor's embeddings, which is made when missing.

    Args:
        place: folder, or an address such as s3://bucket/folder.
    """
    index = GalleryIndex.open_or_create(place, index_key(predictor), embedding_size(predictor.model))
    return index, fill(index, predictor.embed, files, progress, keep, predictor.batch_size)


def fill(
    index: GalleryIndex,
    embed: Embed,
    files: Sequence[IndexFile],
    progress: Callable[[int], None] = lambda done: None,
    keep: Collection[str] | None = None,
    batch_size: int = 16,
    group: int = GROUP,
) -> IndexStats:
    """Bring files into an index; called again after a stop it goes on where it was.

    Args:
        progress: called with the number of files done.
        keep: names of rows that stay beside those of the files that can be used; None for all.
        batch_size: files that are embedded between two steps of the progress.
        group: files between two writes.

    Raises:
        GalleryIndexError: the index cannot be read or written.
        ValueError: two files have the same name, or an embedding is not finite.
    """
    if len({file.name for file in files}) < len(files):
        raise ValueError('two files have the same name in the index; give each another')
    known, there = {row.name: row for row in index.rows()}, set(keep or ())
    contents, added, embedded, present, skipped = {row.sha256 for row in known.values()}, 0, 0, 0, []
    for start in range(0, len(files), group):
        chosen = files[start : start + group]
        rows = {file: _row_of(file, skipped) for file in chosen}
        wanted = {file: row for file, row in rows.items() if row and known.get(row.name) != row}
        vectors = index.embeddings('sha256', contents & {row.sha256 for row in wanted.values()})
        missing = {row.sha256: file for file, row in reversed(wanted.items()) if row.sha256 not in vectors}
        done = start + len(chosen) - len(missing)
        faults = _embed_all(embed, missing, vectors, batch_size, lambda more, done=done: progress(done + more))
        usable = [row for row in wanted.values() if row.sha256 in vectors]
        if usable:
            index.add(usable, np.stack([vectors[row.sha256] for row in usable]))
        skipped += [f'{row.name}: {faults[row.sha256]}' for row in wanted.values() if row.sha256 in faults]
        there.update(row.name for row in rows.values() if row and row.sha256 not in faults)
        contents.update(row.sha256 for row in usable)
        added, embedded = added + len(usable), embedded + len(missing) - len(faults)
        present += sum(row is not None for row in rows.values()) - len(wanted)
        progress(start + len(chosen))
    gone = [] if keep is None else [name for name in known if name not in there]
    index.remove(gone)
    if added or gone:
        index.tidy(loose=LOOSE)
    return IndexStats(added, embedded, present, len(gone), skipped)


def _row_of(file: IndexFile, skipped: list[str]) -> Row | None:
    """What is to be in the index of a file; None when it cannot be used, which `skipped` then tells."""
    if not is_text(file.name):
        skipped.append(f'{file.name}: the name is not UTF-8; give the file another')
        return None
    try:
        changed = min(max(0, int(file.path.stat().st_mtime)), LAST_SECOND)
        time = file.time.replace(microsecond=0) if file.time else datetime.fromtimestamp(changed, UTC)
        return Row(*file[1:4], time.astimezone(UTC), hash_file(file.path))
    except OSError as error:
        skipped.append(f'{file.name}: cannot be read ({error.strerror})')
        return None


def _embed_all(
    embed: Embed,
    files: dict[str, IndexFile],
    vectors: dict[str, np.ndarray],
    batch_size: int,
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Add embeddings of files, by what they go by, to `vectors`; those that have none are returned with the reason."""
    faults, keys = {}, list(files)
    for start in range(0, len(keys), batch_size):
        progress(start)
        batch = keys[start : start + batch_size]
        for key, result in zip(batch, _embed(embed, [files[key].path for key in batch]), strict=True):
            if isinstance(result, ImageError):
                faults[key] = result.reason
            else:
                vectors[key] = result
    return faults


def _embed(embed: Embed, paths: Sequence[Path]) -> Sequence[np.ndarray | ImageError]:
    """For each file its embedding, or why it has none."""
    try:
        return embed(paths)
    except ImageError as error:
        if len(paths) == 1:
            return [error]
    return [_embed(embed, [path])[0] for path in paths]
