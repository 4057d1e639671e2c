"""Check a data set on disk before training on it.

    python eval/check_data.py --data prcc --root DIR [--masks] [--workers 4]

Prints the counts found next to the published ones, the valid queries of each protocol, images in a split that the
reader ignores, images that cannot be read, images that are in both training and test, and with --masks label maps that
are missing or do not fit. The exit status is 0 if no fault is found, 1 if there is one, and 2 if the data set cannot be
read at all.
"""

import argparse
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from tqdm import tqdm

from eval.valid_queries import fewest_valid, reason_text, reasons_unmeasurable
from ifd_zoo.common.cli import ArgumentParser, entry_point, not_negative
from ifd_zoo.common.files import hash_file
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.datasets import DatasetError, Record, ReIDDataset, load_dataset
from ifd_zoo.datasets.base import UnreadableImage, read_image, read_label_map
from ifd_zoo.datasets.common import CountWarning, count
from ifd_zoo.datasets.flags import add_data_flags
from ifd_zoo.images.formats import (
    HEAD_BYTES,
    SUFFIXES,
    UNREAD_SUFFIXES,
    describe_fault,
    is_hidden,
    list_pictures,
    picture_suffix,
)

CHUNK = 32
"""Images per task of a worker process."""


class Inspection(NamedTuple):
    """Result of checking one image and its label map; a text names the fault, and is empty if there is none."""

    digest: str | None
    """Hash of the file; None if it is not a readable image."""
    image: str
    label_map: str


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/check_data.py', description='Check a data set.')
    add_data_flags(parser, workers=4)
    parser.add_argument('--masks', action='store_true', help='check that each image has a label map of its size')
    parser.add_argument('--most', type=not_negative, default=20, help='files to list for each kind of fault')
    return parser.parse_args(argv)


def read_dataset(name: str, root: Path) -> ReIDDataset:
    """Load a data set without the count warnings of its reader, which the table repeats.

    Raises:
        DatasetError: the data set cannot be read, or has no images.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', CountWarning)
        try:
            return load_dataset(name, root)
        except OSError as error:
            raise DatasetError(f'{root}: cannot be read ({error.strerror})') from error


def count_rows(dataset: ReIDDataset) -> list[tuple[str, str, int, int | None]]:
    """Return rows of split, counted kind, number found, and published number if it is known."""
    return [
        (split.name, name, found, split.expected.get(name))
        for split in dataset.splits
        for name, found in count(split.records).items()
    ]


def count_table(rows: list[tuple[str, str, int, int | None]]) -> str:
    """Format the rows of `count_rows` as a Markdown table."""
    lines = [('split', 'number of', 'found', 'expected', '')]
    for split, name, found, expected in rows:
        verdict = '' if expected is None else 'ok' if found == expected else 'differs'
        lines.append((split, name, found, '' if expected is None else expected, verdict))
    return markdown_table(lines)


def protocol_table(dataset: ReIDDataset) -> str:
    """Return a Markdown table of the valid queries per protocol, and why the other queries have no right match."""
    lines = [('protocol', 'valid queries', 'why the others have no right match')]
    for name, (protocol, reasons) in fewest_valid(dataset.protocols).items():
        total = len(protocol.query)
        lines.append((name, f'{total - reasons.total()} / {total}', reason_text(reasons)))
    return markdown_table(lines)


def ignored_images(places: Iterable[tuple[Path, str]]) -> list[str]:
    """List the images in a data set's folders that its reader ignores, and why; hidden files are left out.

    Args:
        places: as in `ReIDDataset.places`.
    """
    lines = []
    for folder, pattern in places:
        taken = set(list_pictures(folder, pattern))
        others = (path for path in folder.rglob('*') if path not in taken and not is_hidden(path, folder))
        lines += [f'{path}: {fault}' for path in sorted(others) if (fault := _fault(path, folder, pattern))]
    return lines


def _fault(path: Path, folder: Path, pattern: str) -> str | None:
    """Return why a file is ignored; None for a folder and for a file that is not an image."""
    if path.is_dir():
        return None
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return f'lies at another depth than {folder.name}/{pattern}'
    if not path.is_file():  # broken link, pipe
        return None
    with path.open('rb') as file:
        head = file.read(HEAD_BYTES)
    if right := picture_suffix(head):
        return f'is an image without an image suffix; rename it to end in {right}'
    return describe_fault(head, path.name) if suffix in UNREAD_SUFFIXES else None


def inspect(record: Record, masks: bool) -> Inspection:
    """Decode an image and, if `masks`, its label map."""
    size, digest, problem = None, None, ''
    try:
        size, digest = read_image(record.path).size, hash_file(record.path)
    except UnreadableImage as error:
        problem = str(error)
    return Inspection(digest, problem, _inspect_label_map(record, size) if masks else '')


def _inspect_label_map(record: Record, size: tuple[int, int] | None) -> str:
    if record.label_map is None:
        return f'{record.path}: no label map'
    try:
        read_label_map(record.label_map, size)
    except DatasetError as error:
        return str(error)
    return ''


@contextmanager
def _inspections(records: tuple[Record, ...], masks: bool, workers: int) -> Iterator[Iterable[Inspection]]:
    work = partial(inspect, masks=masks)
    if not workers:
        yield map(work, records)
        return
    deaf = signal.SIGINT, signal.SIG_IGN  # Ctrl-C also reaches the workers; this process ends them
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=deaf) as pool:
        try:
            yield pool.map(work, records, chunksize=CHUNK)
        finally:
            pool.shutdown(cancel_futures=True)


def inspect_all(records: tuple[Record, ...], masks: bool, workers: int) -> dict[Path, Inspection]:
    """Return inspections by image path, in the order of the records."""
    with _inspections(records, masks, workers) as inspections:
        bar = tqdm(inspections, total=len(records), desc='check', unit='image', leave=False)
        return {record.path: inspection for record, inspection in zip(records, bar, strict=True)}


def find_duplicates(dataset: ReIDDataset, inspections: dict[Path, Inspection]) -> list[str]:
    """List test images that are byte for byte equal to a training image."""
    train: dict[str, Path] = {}
    for record in dataset.train:
        digest = inspections[record.path].digest
        if digest is not None:
            train.setdefault(digest, record.path)
    test = {r.path: None for protocol in dataset.protocols for r in protocol.query + protocol.gallery}
    return [f'{path}: the same as {train[d]}' for path in test if (d := inspections[path].digest) in train]


def print_faults(title: str, lines: list[str], most: int) -> None:
    print(f'{title}: {len(lines) or "none"}')
    for line in lines[:most]:
        print(f'  {line}')
    if len(lines) > most:
        print(f'  ... and {len(lines) - most} more')


@entry_point()
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    dataset = read_dataset(args.data, args.root)
    rows = count_rows(dataset)
    print(f'{args.data} in {args.root}\n{count_table(rows)}\n\n{protocol_table(dataset)}\n')
    records = dataset.records
    inspections = inspect_all(records, args.masks, args.workers)
    faults = {
        'why nothing can be measured': reasons_unmeasurable(dataset),
        'images in a split that are ignored': ignored_images(dataset.places),
        'images that cannot be read': [i.image for i in inspections.values() if i.image],
    }
    if args.masks:
        faults['label maps that are missing or do not fit'] = [i.label_map for i in inspections.values() if i.label_map]
    faults['test images that are training images too'] = find_duplicates(dataset, inspections)
    print(f'{len(records)} images checked')
    for title, lines in faults.items():
        print_faults(title, lines, args.most)
    differs = any(expected not in (None, found) for _, _, found, expected in rows)
    return int(differs or any(faults.values()))


if __name__ == '__main__':
    sys.exit(main())
