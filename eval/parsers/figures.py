"""Metrics of parsed label maps against ground truth, where a pixel's target may be a set of labels.

Targets are positions in `ifd_zoo.parsing.training_sources.TARGETS`.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import Dataset, Subset

from ifd_zoo.labels import CLOTHING, LABELS, class_indices
from ifd_zoo.parsing.base import NetworkParser
from ifd_zoo.parsing.registry import HumanParser
from ifd_zoo.parsing.training_sources import BODY, TARGETS, allowed_table, clothing_targets

CHUNK = 64  # pictures in memory at a time
TOLERANCE = 0.0075  # share of the diagonal, as in Csurka et al.


def confusion(label_map: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Count how often each target was parsed as each label: (targets, K) int64.

    Args:
        label_map: (H, W) in `LABELS`.
        targets: (H, W).
    """
    cells = targets.astype(np.int64) * len(LABELS) + label_map
    return np.bincount(cells.ravel(), minlength=len(TARGETS) * len(LABELS)).reshape(len(TARGETS), len(LABELS))


def count_pixels(parser: HumanParser, source: Sequence) -> np.ndarray:
    """Sum `confusion` over all pictures.

    Args:
        source: sequence of (image, targets of the same size).
    """
    counts = np.zeros((len(TARGETS), len(LABELS)), dtype=np.int64)
    for start in range(0, len(source), CHUNK):
        pairs = [source[index] for index in range(start, min(start + CHUNK, len(source)))]
        for label_map, (_, targets) in zip(parser.parse([image for image, _ in pairs]), pairs, strict=True):
            counts += confusion(label_map, targets)
    return counts


def figures(counts: np.ndarray) -> dict:
    """Compute intersection over union (IoU), in [0, 1], from the counts of `confusion`.

    A pixel whose target set contains the parsed label counts as correct, and is ignored in the IoU of other labels.

    Returns:
        `miou`: mean over `classes`; `classes`: labels that occur as an exact target; `clothing`: IoU of the clothing
        mask, ignoring targets that may or may not be clothing; `skin`: face, arms, legs and neck as one class, if the
        source has any of them.
    """
    classes = {}
    for index, name in enumerate(LABELS):
        if counts[index].sum():
            missed = counts[index].sum() - counts[index, index]
            classes[name] = _iou(counts[allowed_table()[:, index], index].sum(), missed, counts[:, index].sum())
    result = {'miou': round(float(np.mean(list(classes.values()))), 4), 'clothing': clothing_iou(counts)}
    is_skin = [set(names) <= set(BODY) for names in TARGETS]
    if counts[is_skin].sum():
        columns = list(class_indices(BODY))
        right, parsed = counts[is_skin][:, columns].sum(), counts[:, columns].sum()
        result['skin'] = _iou(right, counts[is_skin].sum() - right, parsed)
    return {**result, 'classes': classes}


def measure(parser: HumanParser, sources: Mapping[str, Dataset], most: int | None = None) -> dict[str, dict]:
    """Compute `figures` of each source; if `most` is given, on every n-th picture, at least so many."""
    result = {}
    for name, source in sources.items():
        step = max(1, len(source) // most) if most else 1
        result[name] = figures(count_pixels(parser, Subset(source, range(0, len(source), step))))
    return result


def changed_pixels(parser: NetworkParser, images: Sequence[Image.Image], precision: str = 'bf16') -> dict:
    """Measure how much the label maps change in another precision than float32.

    Returns:
        `pictures`: number of pictures; `mean` and `most`: mean and maximum share of changed pixels, in [0, 1].
    """
    maps, before = {}, parser.precision
    for parser.precision in ('fp32', precision):
        maps[parser.precision] = parser.parse(images)
    parser.precision = before
    shares = [float((a != b).mean()) for a, b in zip(maps['fp32'], maps[precision], strict=True)]
    return {'pictures': len(shares), 'mean': round(float(np.mean(shares)), 6), 'most': round(max(shares), 6)}


def clothing_iou(counts: np.ndarray) -> float:
    """Compute the IoU of clothing, ignoring targets that may or may not be clothing."""
    is_clothing, unclear = clothing_targets()
    columns = list(class_indices(CLOTHING))
    right = counts[is_clothing][:, columns].sum()
    return _iou(right, counts[is_clothing].sum() - right, counts[~unclear][:, columns].sum())


def _iou(right: int, missed: int, parsed: int) -> float:
    """Divide the correct pixels by the union: parsed pixels, which include them, and missed pixels."""
    return round(float(right / max(parsed + missed, 1)), 4)


def clothing_boundary(label_map: np.ndarray, targets: np.ndarray) -> float | None:
    """Compute the boundary F-score of the clothing mask, in [0, 1]; None if neither mask has a boundary.

    The harmonic mean of precision and recall: the shares of boundary pixels of one mask that lie near the boundary of
    the other. Boundary: mask pixels with one of their four neighbours outside the mask; the picture's edge does not
    count. Near: within 0.75 % of the picture's diagonal, but at least one pixel, in rows and in columns. Targets that
    may or may not be clothing count as parsed. After Csurka et al., "What is a good evaluation measure for semantic
    segmentation?", BMVC 2013.

    Args:
        label_map: (H, W) in `LABELS`.
        targets: (H, W).
    """
    is_clothing, unclear = clothing_targets()
    parsed = np.isin(label_map, class_indices(CLOTHING))
    wanted = is_clothing[targets] | (unclear[targets] & parsed)
    tolerance = max(1, round(TOLERANCE * float(np.hypot(*label_map.shape))))
    return boundary_score(parsed, wanted, tolerance)


def boundary_score(parsed: np.ndarray, wanted: np.ndarray, tolerance: int) -> float | None:
    """Compute the F-score of the boundaries of two masks (H, W) bool; None if neither has one."""
    edges = _boundary(parsed), _boundary(wanted)
    if not edges[0].any() and not edges[1].any():
        return None
    near = [_widen(edge, tolerance) for edge in edges]
    precision, recall = ((a & b).sum() / max(a.sum(), 1) for a, b in ((edges[0], near[1]), (edges[1], near[0])))
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _boundary(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1, mode='edge')
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return mask & ~np.logical_and.reduce(neighbours)


def _widen(mask: np.ndarray, by: int) -> np.ndarray:
    pixels = torch.from_numpy(mask.astype(np.float32))[None, None]
    return F.max_pool2d(pixels, 2 * by + 1, stride=1, padding=by)[0, 0].numpy() > 0


def mean_of(values: Iterable[float | None]) -> float | None:
    """Average the values that are not None, rounded to four decimals; None if there are none."""
    values = [value for value in values if value is not None]
    return round(float(np.mean(values)), 4) if values else None
