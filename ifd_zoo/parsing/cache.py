"""Label maps of a parser, kept on disk beside a data set that has none of its own (or whose own are to be replaced)."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ifd_zoo.datasets.base import Record, read_image
from ifd_zoo.parsing.parser import NoParser, Parser

BATCH_SIZE = 64


def with_parsed_maps(
    records: Sequence[Record], parser: Parser | NoParser, root: Path, folder: Path
) -> tuple[Record, ...]:
    """The records with label maps by this parser.

    Args:
        records: images below `root`.
        parser: see `ifd_zoo.parsing.load_parser`.
        root: folder of the data set.
        folder: gets one PNG per image, at the image's path relative to `root`. What is there already is used again, so
            an interrupted call goes on where it stopped; one folder belongs to one parser.

    Raises:
        DatasetError: an image cannot be read.
    """
    pointed = [replace(record, label_map=_map_path(record, root, folder)) for record in records]
    missing = [record for record in pointed if not record.label_map.is_file()]
    bar = tqdm(total=len(missing), desc='parse', unit='image', leave=False, disable=not missing)
    for start in range(0, len(missing), BATCH_SIZE):
        batch = missing[start : start + BATCH_SIZE]
        for record, label_map in zip(batch, parser.parse([read_image(record.path) for record in batch]), strict=True):
            _write(record.label_map, label_map)
        bar.update(len(batch))
    bar.close()
    return tuple(pointed)


def _map_path(record: Record, root: Path, folder: Path) -> Path:
    return (folder / record.path.relative_to(root)).with_suffix('.png')


def _write(path: Path, label_map: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix('.tmp')
    Image.fromarray(label_map).save(temporary, format='PNG')
    os.replace(temporary, path)
