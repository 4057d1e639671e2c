"""Coverage of a data set by its label maps, as numbers and as a contact sheet."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from ifd_zoo.datasets.base import Record, read_image, read_label_map
from ifd_zoo.explain.overlays import mask_overlay
from ifd_zoo.images.sheets import in_rows, sheet
from ifd_zoo.labels import CLOTHING
from ifd_zoo.masks import class_mask

COLUMNS, ROWS = 12, 5
CELL = (96, 192)  # width and height in pixels
GAP = 6

KINDS: dict[str, Callable[[np.ndarray, Iterable[str]], bool]] = {
    'no_person': lambda label_map, classes: not label_map.any(),
    'no_clothing': lambda label_map, classes: not class_mask(label_map, classes).any(),
}
"""Kinds of incomplete label maps; one without a person has no clothing either.

Nothing is erased from such an image, so that the attention stream sees it whole; in training it is also excluded from
the contrastive losses.
"""


def measure_coverage(records: Sequence[Record], root: Path, classes: Iterable[str] = CLOTHING) -> dict[str, Any]:
    """Count the images whose label maps show no person or no clothing.

    Args:
        records: with label maps.
        root: folder of the data set.
        classes: labels that count as clothing.

    Returns:
        `images`, their total, and for each of `KINDS` `images`, `share` in [0, 1] and `paths` relative to `root`.

    Raises:
        DatasetError: a label map cannot be used.
    """
    paths: dict[str, list[str]] = {kind: [] for kind in KINDS}
    classes = tuple(classes)
    for record in tqdm(records, desc='coverage', unit=' images', leave=False, disable=not records):
        label_map = read_label_map(record.label_map)
        for kind, lacks in KINDS.items():
            if lacks(label_map, classes):
                paths[kind].append(record.path.relative_to(root).as_posix())
    total = len(records)
    counts = {kind: {'images': len(p), 'share': len(p) / max(total, 1), 'paths': p} for kind, p in paths.items()}
    return {'images': total, **counts}


def count_coverage(records: Iterable[Record], root: Path, classes: Iterable[str] = CLOTHING) -> dict[str, int]:
    """Count `images` with label maps, and of these `no_person` and `no_clothing`; see `measure_coverage`."""
    coverage = measure_coverage([record for record in records if record.label_map], root, classes)
    return {'images': coverage['images'], **{kind: coverage[kind]['images'] for kind in KINDS}}


def coverage_text(counts: dict[str, int]) -> str:
    """Format the counts as text: `no person in 3 (0.2%), no clothing in 5 (0.3%) of 1500 images`."""
    total = counts['images']
    parts = [f'{kind.replace("_", " ")} in {counts[kind]} ({counts[kind] / max(total, 1):.1%})' for kind in KINDS]
    return f'{", ".join(parts)} of {total} images'


def contact_sheet(records: Sequence[Record]) -> Image.Image:
    """Draw up to 60 images, evenly spread over the records, each with its clothing tinted."""
    number = min(COLUMNS * ROWS, len(records))
    chosen = [records[index] for index in np.linspace(0, len(records) - 1, number).round().astype(int)]
    images = [read_image(record.path) for record in chosen]
    masks = [class_mask(read_label_map(record.label_map, i.size)) for record, i in zip(chosen, images, strict=True)]
    overlays = [mask_overlay(image, mask) for image, mask in zip(images, masks, strict=True)]
    return sheet(in_rows([ImageOps.pad(overlay, CELL, color='white') for overlay in overlays], COLUMNS), GAP, GAP)
