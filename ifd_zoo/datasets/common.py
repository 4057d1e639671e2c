"""Helpers for readers of published data sets: finding files, numbering labels, checking counts."""

import re
import warnings
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.datasets.base import DatasetError, Record, Split
from ifd_zoo.images.formats import SUFFIXES, list_pictures


class CountWarning(UserWarning):
    """A split does not have the published number of images, persons or outfits."""


class Label(NamedTuple):
    """Labels read from the file and folder names of an image."""

    pid: int
    camid: int
    outfit: int | str
    """Outfit of this person: the same value on two persons means two outfits."""


def find_folder(root: Path, candidates: tuple[str, ...], splits: tuple[str, ...]) -> Path:
    """Return the first of `candidates` (paths below `root`) that has one of `splits`; DatasetError if none does."""
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    for candidate in candidates:
        if any((root / candidate / split).is_dir() for split in splits):
            return root / candidate
    looked = ' or '.join(str(root / candidate) for candidate in candidates)
    raise DatasetError(f'{root}: no data set in the expected layout here; looked for {", ".join(splits)} in {looked}')


def list_images(folder: Path, pattern: str) -> list[Path]:
    """List the images of a split with `list_pictures`.

    Raises:
        DatasetError: the folder is missing or has no images.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    images = list_pictures(folder, pattern)
    if not images:
        raise DatasetError(f'{folder}: no images {pattern} in this folder; looked for {", ".join(SUFFIXES)}')
    return images


def parse_name(path: Path, pattern: re.Pattern, form: str) -> tuple[str, ...]:
    """Return the groups of `pattern` in a file's base name without its suffix.

    Args:
        form: the expected form of the name, for the error message.

    Raises:
        DatasetError: the name does not match.
    """
    # The base name only: a root such as /data/2024_01_c3/ could match as well.
    match = pattern.fullmatch(path.stem)
    if not match:
        raise DatasetError(f'{path}: the file name must be {form}')
    return match.groups()


def training_records(root: Path, labels: dict[Path, Label]) -> tuple[Record, ...]:
    """Return records in the order of `labels`, with pids renumbered 0..K-1 in sorted order."""
    pids = _numbers(label.pid for label in labels.values())
    (records,) = evaluation_records(root, labels)
    return tuple(replace(record, pid=pids[record.pid]) for record in records)


def evaluation_records(root: Path, *splits: dict[Path, Label]) -> tuple[tuple[Record, ...], ...]:
    """Return records of splits that share one numbering of outfits, each in the order of its dict; pids are kept."""
    outfits = _numbers((label.pid, label.outfit) for split in splits for label in split.values())
    return tuple(
        tuple(
            Record(path, label.pid, label.camid, outfits[label.pid, label.outfit], find_label_map(root, path))
            for path, label in split.items()
        )
        for split in splits
    )


def count(records: tuple[Record, ...]) -> dict[str, int]:
    """Count images, persons and outfits."""
    return {
        'images': len(records),
        'persons': len({record.pid for record in records}),
        'outfits': len({record.clothes_id for record in records}),
    }


def check_counts(dataset: str, splits: tuple[Split, ...]) -> None:
    """Issue a `CountWarning` for each split that differs from the published counts; `dataset` is the name to show."""
    for split in splits:
        counts = count(split.records)
        found = {name: counts[name] for name in split.expected}
        if found != split.expected:
            texts = [', '.join(f'{n} {name}' for name, n in numbers.items()) for numbers in (split.expected, found)]
            message = f'{dataset} {split.name}: expected {texts[0]}; found {texts[1]}'
            warnings.warn(message, CountWarning, stacklevel=3)


def _numbers(values: Iterable[Hashable]) -> dict:
    return {value: index for index, value in enumerate(sorted(set(values)))}


def find_label_map(root: Path, path: Path) -> Path | None:
    """Return the label map at an image's relative path below `root`/parsing, or None if there is no such file."""
    label_map = (root / 'parsing' / path.relative_to(root)).with_suffix('.png')
    return label_map if label_map.is_file() else None
