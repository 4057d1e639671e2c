"""Build an index: embed new image files and write them in groups, of which an interruption loses one at most."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ifd_zoo.common.batch_jobs import Cluster, cluster_at, process_batches
from ifd_zoo.common.files import hash_file
from ifd_zoo.images.formats import SUFFIXES, list_pictures
from ifd_zoo.images.loading import ImageError
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.key import index_key
from ifd_zoo.index.lancedb_tables import Row
from ifd_zoo.index.people import read_people
from ifd_zoo.index.table import LOOSE, GalleryIndex, is_text
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import Predictor
from ifd_zoo.uploads.labels import read_label

GROUP = 512
"""Files per write, and so the most that an interruption can lose."""
HASHED, HERE = 64, 10_000
"""Files hashed per batch, and number of files up to which a cluster would take longer than this process."""
LAST_SECOND = 253402300799  # of the year 9999, the last that `datetime` supports

Embed = Callable[[Sequence[Path]], np.ndarray]
"""Maps image files to embeddings (N, D) float32 of unit length; raises ImageError for a file that cannot be used."""


class IndexFile(NamedTuple):
    path: Path
    name: str
    """Unique name in the index."""
    pid: str = ''
    """Name of the person."""
    camid: str = ''
    time: datetime | None = None
    """Local if it has no zone; None for the time of the file's last change."""


class IndexStats(NamedTuple):
    """Outcome of a build, in numbers of files."""

    added: int
    """New to the index or changed."""
    embedded: int
    """Embedded; of files with the same bytes only the first."""
    present: int
    """Already in the index."""
    removed: int
    """Removed from the index."""
    skipped: list[str]
    """Name and problem of each file that cannot be used."""


def folder_files(folder: str | Path, labels: str = 'none') -> list[IndexFile]:
    """List all images in a folder and its subfolders, without hidden ones, named by their relative paths and sorted.

    Args:
        labels: one of `FOLDER_LABELS`; the pid is the name of the person's folder, or empty for `none`. The camid is
            read from file names that follow the scheme of a data set.

    Raises:
        GalleryIndexError: there is no such folder, no image in it, or it is unclear which folder names the person.
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
    ray: str | None = None,
) -> tuple[GalleryIndex, IndexStats]:
    """Update the index of a predictor's embeddings with `fill`, creating it if missing.

    Args:
        place: folder, or an address such as s3://bucket/folder.
        ray: address of a Ray cluster that does the work, see `Cluster`; None for this process.
    """
    index = GalleryIndex.open_or_create(place, index_key(predictor), embedding_size(predictor.model))
    cluster = cluster_at(ray, predictor.device)
    return index, fill(index, predictor.embed, files, progress, keep, predictor.batch_size, cluster=cluster)


def fill(
    index: GalleryIndex,
    embed: Embed,
    files: Sequence[IndexFile],
    progress: Callable[[int], None] = lambda done: None,
    keep: Collection[str] | None = None,
    batch_size: int = 16,
    group: int = GROUP,
    cluster: Cluster | None = None,
) -> IndexStats:
    """Add files to an index; after an interruption, the same call resumes.

    Args:
        progress: called with the number of files done; may raise to stop.
        keep: names of rows to keep besides those of the usable files; None keeps all.
        batch_size: files embedded between two calls of `progress`.
        group: files per write.
        cluster: hashes and embeds; this process by default.

    Raises:
        GalleryIndexError: the index cannot be read or written.
        ValueError: two files have the same name, or an embedding is not finite.
    """
    if len({file.name for file in files}) < len(files):
        raise ValueError('two files have the same name in the index; give each its own')
    known = {row.name: row for row in index.rows()}
    found = _hash(files, cluster if len(files) > HERE else None, progress)
    rows = {place: row for place, row in sorted(found.items()) if isinstance(row, Row)}
    wanted = [row for row in rows.values() if known.get(row.name) != row]
    new = _copy_known(index, wanted, {row.sha256 for row in known.values()}, group)
    photos, faults = {}, {}
    for place, row in rows.items():
        photos.setdefault(row.sha256, files[place].path)

    def write(results: dict[str, np.ndarray | ImageError]) -> None:
        faults.update({key: error.reason for key, error in results.items() if isinstance(error, ImageError)})
        _add(index, [row for key in results if key not in faults for row in new[key]], results)

    embedding = {'group': group, 'cluster': cluster, 'progress': lambda done: progress(len(files) - len(photos) + done)}
    process_batches(_Embedding(embed), photos, write, photos.keys() - new, min(batch_size, group), **embedding)
    found |= {place: f'{row.name}: {faults[row.sha256]}' for place, row in rows.items() if row.sha256 in faults}
    there = {*(keep or ()), *(row.name for row in rows.values() if row.sha256 not in faults)}
    gone = [] if keep is None else [name for name in known if name not in there]
    index.remove(gone)
    added = sum(row.sha256 not in faults for row in wanted)
    if added or gone:
        index.tidy(loose=LOOSE)
    skipped = [text for _, text in sorted(found.items()) if isinstance(text, str)]
    return IndexStats(added, len(new) - len(faults), len(rows) - len(wanted), len(gone), skipped)


def _hash(
    files: Sequence[IndexFile], cluster: Cluster | None, progress: Callable[[int], None]
) -> dict[int, Row | str]:
    """Return the row of each file, or the reason why it cannot be used, by the position of the file."""
    found: dict[int, Row | str] = {}
    step = lambda done: progress(0)  # noqa: E731  (may raise to stop)
    process_batches(_rows_of, dict(enumerate(files)), found.update, size=HASHED, cluster=cluster, progress=step)
    return found


def _rows_of(files: Sequence[IndexFile]) -> list[Row | str]:
    return [_row_of(file) for file in files]


def _row_of(file: IndexFile) -> Row | str:
    if not is_text(file.name):
        return f'{file.name}: the name is not UTF-8; rename the file'
    try:
        changed = min(max(0, int(file.path.stat().st_mtime)), LAST_SECOND)
        time = file.time.replace(microsecond=0) if file.time else datetime.fromtimestamp(changed, UTC)
        return Row(*file[1:4], time.astimezone(UTC), hash_file(file.path))
    except OSError as error:
        return f'{file.name}: cannot be read ({error.strerror})'


def _copy_known(
    index: GalleryIndex, rows: Sequence[Row], contents: Collection[str], group: int
) -> dict[str, list[Row]]:
    """Write the rows whose content the index has under another name; return the others by their content."""
    known = [row for row in rows if row.sha256 in contents]
    others: dict[str, list[Row]] = {}
    for row in rows:
        if row.sha256 not in contents:
            others.setdefault(row.sha256, []).append(row)
    for start in range(0, len(known), group):
        part = known[start : start + group]
        vectors = index.embeddings('sha256', {row.sha256 for row in part})
        _add(index, [row for row in part if row.sha256 in vectors], vectors)
        for row in part:
            if row.sha256 not in vectors:  # the row that had this content has been replaced
                others.setdefault(row.sha256, []).append(row)
    return others


def _add(index: GalleryIndex, rows: Sequence[Row], vectors: Mapping[str, np.ndarray]) -> None:
    if rows:
        index.add(rows, np.stack([vectors[row.sha256] for row in rows]))


class _Embedding(NamedTuple):
    """Embeds files; a file that cannot be used results in its ImageError."""

    embed: Embed

    def __call__(self, paths: Sequence[Path]) -> Sequence[np.ndarray | ImageError]:
        try:
            return self.embed(paths)
        except ImageError as error:
            if len(paths) == 1:
                return [error]
        return [self([path])[0] for path in paths]
