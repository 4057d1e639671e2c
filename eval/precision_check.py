"""Embeddings in 16 bits beside those in float32."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from eval.extraction import extract
from eval.measure import load_protocols
from eval.metrics import evaluate_embeddings, labels_of
from eval.report import distinct_records
from ifd_zoo.datasets import DatasetError, Record
from ifd_zoo.datasets.base import MODES
from ifd_zoo.hub import eval_transform
from ifd_zoo.inference import pick_device, precision
from ifd_zoo.parsing.mask_source import MaskSource


def count_first(embeddings: np.ndarray, records: Sequence[Record]) -> tuple[int, int]:
    """Over all modes: queries whose first answer is right, and queries; every image asks for all others."""
    labels = labels_of(records)
    hits = queries = 0
    for mode in MODES:
        scores = evaluate_embeddings(embeddings, embeddings, labels, labels, mode)
        hits, queries = hits + int((scores.first_hit == 1).sum()), queries + len(scores.query)
    return hits, queries


def compare_embeddings(exact: np.ndarray, rounded: np.ndarray, records: Sequence[Record]) -> dict[str, float]:
    """What is recorded of a precision.

    Args:
        exact, rounded: embeddings (N, D) of unit length, in float32 and in the precision.

    Returns:
        `images`; `queries` over all modes; `mean_cosine` and `min_cosine` of an image's two embeddings; `rank1` in
        percent over all modes together, and `rank1_change` against float32 in percentage points.
    """
    cosines = (exact.astype(np.float64) * rounded).sum(1)
    before, queries = count_first(exact, records)
    after, _ = count_first(rounded, records)
    if not queries:
        raise DatasetError('no test image has a right answer, so rank-1 cannot be compared')
    return {
        'images': len(records),
        'queries': queries,
        'mean_cosine': round(float(cosines.mean()), 6),
        'min_cosine': round(float(cosines.min()), 6),
        'rank1': round(100 * after / queries, 3),
        'rank1_change': round(100 * (after - before) / queries, 3),
    }


def check(model: nn.Module, args: argparse.Namespace) -> dict[str, dict]:
    """The record of each precision that was asked for; errors as for `eval.measure.measure_model`."""
    device = pick_device(args.device)
    model = model.to(device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(args, MaskSource(args.masks, device), Path(temporary))
        records, embeddings = distinct_records(protocols), {}
        for name in ('fp32', *args.precisions):
            with precision(device, name):
                embeddings[name] = extract(model, records, eval_transform(model), args.batch_size, args.workers)
    about = {'data': args.root.expanduser().resolve().name if args.data == 'folder' else args.data, 'masks': args.masks}
    exact = embeddings.pop('fp32')
    return {name: about | compare_embeddings(exact, other, records) for name, other in embeddings.items()}
