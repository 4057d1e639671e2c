"""What readers of published data sets share: finding files, numbering labels, checking counts."""

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
    """What the names of one image's file and folders say."""

    pid: int
    camid: int
    outfit: int | str
    """Tells the outfits of one person apart: the same value on two persons is two outfits."""


def find_folder(root: Path, candidates: tuple[str, ...], splits: tuple[str, ...]) -> Path:
    """The first of `candidates` (paths below `root`) that holds one of `splits`; DatasetError when none does."""
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder')
    for candidate in candidates:
        if any((root / candidate / split).is_dir() for split in splits):
            return root / candidate
    looked = ' or '.join(str(root / candidate) for candidate in candidates)
    raise DatasetError(f'{root}: nothing here in the expected layout; looked for {", ".join(splits)} in {looked}')


def list_images(folder: Path, pattern: str) -> list[Path]:
    """`list_pictures` of a split.

    Raises:
        DatasetError: the folder is missing, or no image is in it.
    """
    if not folder.is_dir():
        raise DatasetError(f'{folder}: no such folder')
    images = list_pictures(folder, pattern)
    if not images:
        raise DatasetError(f'{folder}: no image {pattern} in this folder; looked for {", ".join(SUFFIXES)}')
    return images


def parse_name(path: Path, pattern: re.Pattern, form: str) -> tuple[str, ...]:
    """The groups of `pattern` in a file's base name without its suffix.

    Args:
        form: what the name should be, for the message.

    Raises:
        DatasetError: the name is not so.
    """
    # The base name only: a root such as /data/2024_01_c3/ would match as well.
    match = pattern.fullmatch(path.stem)
    if not match:
        raise DatasetError(f'{path}: the file name must be {form}')
    return match.groups()


def training_records(root: Path, labels: dict[Path, Label]) -> tuple[Record, ...]:
    """Records in the order of `labels`, their pids 0..K-1 in sorted order."""
    pids = _numbers(label.pid for label in labels.values())
    (records,) = evaluation_records(root, labels)
    return tuple(replace(record, pid=pids[record.pid]) for record in records)


def evaluation_records(root: Path, *splits: dict[Path, Label]) -> tuple[tuple[Record, ...], ...]:
    """Records of splits that share one numbering of outfits, each in the order of its dict; pids stay as they are."""
    outfits = _numbers((label.pid, label.outfit) for split in splits for label in split.values())
    return tuple(
        tuple(
            Record(path, label.pid, label.camid, outfits[label.pid, label.outfit], find_label_map(root, path))
            for path, label in split.items()
        )
        for split in splits
    )


def count(records: tuple[Record, ...]) -> dict[str, int]:
    """Numbers of images, persons and outfits."""
    return {
        'images': len(records),
        'persons': len({record.pid for record in records}),
        'outfits': len({record.clothes_id for record in records}),
    }


def check_counts(dataset: str, splits: tuple[Split, ...]) -> None:
    """Warn with a `CountWarning` for each split that is not what was published; `dataset` is its name in messages."""
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
    """Find the label map of an image, at its relative path below `root`/parsing; None when there is no such file."""
    label_map = (root / 'parsing' / path.relative_to(root)).with_suffix('.png')
    return label_map if label_map.is_file() else None
