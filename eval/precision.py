"""Whether a released model may compute in 16 bits: its embeddings are compared with those in float32.

    python eval/precision.py --model NAME|DIR --root DIR [--data prcc] [--masks bundled] [--precisions bf16 fp16]

Writes what it finds into the release's config.json and card; `--precision auto` goes by it. Every test image asks for
all others, so that rank-1 can be told to a fraction of a point. Prints one line for each precision and ends with 0.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from torch import nn

from eval.embedding import EmbeddingError
from eval.extract import extract
from eval.flags import not_negative, positive
from eval.metrics import evaluate_embeddings
from eval.report import distinct_records, labels_of
from eval.run import load_protocols
from ifd_zoo.datasets import DATASETS, DatasetError, Record
from ifd_zoo.datasets.base import MODES
from ifd_zoo.hub import LoadError, eval_transform, load_model
from ifd_zoo.hub.release import find_record, update_record
from ifd_zoo.inference import DTYPES, DeviceError, keeps_answer, pick_device, precision
from ifd_zoo.parsing import ParserError
from ifd_zoo.parsing.masksets import LABEL_MAPS, MaskSource


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser('eval/precision.py', description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('--model', required=True, help='bundled name or release folder; its config.json is written')
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', required=True, type=Path, help='folder of the data set')
    parser.add_argument('--masks', default=LABEL_MAPS, help='as for eval/run.py')
    parser.add_argument('--maps', type=Path, help='keep the label maps of a parser in this folder')
    parser.add_argument('--precisions', nargs='+', default=['bf16'], choices=tuple(DTYPES), help='to be checked')
    parser.add_argument('--batch-size', type=positive, default=64)
    parser.add_argument('--workers', type=not_negative, default=2, help='processes that load images')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    return parser.parse_args(argv)


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
    """The record of each precision that was asked for; errors as for `eval.run.measure_model`."""
    device = pick_device(args.device)
    model = model.to(device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(args, MaskSource(args.masks, device), args.maps or Path(temporary))
        records, embeddings = distinct_records(protocols), {}
        for name in ('fp32', *args.precisions):
            with precision(device, name):
                embeddings[name] = extract(model, records, eval_transform(model), args.batch_size, args.workers)
    about = {'data': args.root.expanduser().resolve().name if args.data == 'folder' else args.data, 'masks': args.masks}
    exact = embeddings.pop('fp32')
    return {name: about | compare_embeddings(exact, other, records) for name, other in embeddings.items()}


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        folder = find_record(args.model)
        model = load_model(args.model)
        checks = check(model, args)
        # Those of other precisions stay.
        update_record(folder, precisions=model.release_info.get('precisions', {}) | checks)
    except (DatasetError, LoadError, ParserError, DeviceError, EmbeddingError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    for name, found in checks.items():
        verdict = 'keeps the answer' if keeps_answer(found) else 'does not keep the answer: fp32 is used'
        figures = f'cosine at least {found["min_cosine"]:.6f}, rank-1 {found["rank1_change"]:+.2f} points'
        print(f'{folder.name} {name}: {figures} over {found["queries"]} queries; {verdict}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
