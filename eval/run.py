"""Measure a model on a data set.

    python eval/run.py --model DIR --data folder --root DIR [--masks bundled] [--rerank] [--output DIR]

Prints one table with every protocol of the data set; where the paper has figures for the same data set they stand
below. `--output` gets it as `figures.json` and `figures.md`, and as `report.html` with curves and pictures of the best,
worst and random answers.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from torch import nn

from eval.embedding import EmbeddingError
from eval.extract import extract
from eval.flags import add_feature, not_negative, positive
from eval.page import write_html
from eval.paper import reference
from eval.report import distinct_records, markdown_report, measure
from eval.rerank import Reranking
from ifd_zoo.datasets import DATASETS, DatasetError, Protocol, Record, load_dataset
from ifd_zoo.features import feature_name
from ifd_zoo.fingerprint import hash_weights, model_name
from ifd_zoo.hub import LoadError, eval_transform, load_model, read_info
from ifd_zoo.hub.release import find_record, update_record
from ifd_zoo.inference import PRECISIONS, DeviceError, choose_precision, pick_device, precision
from ifd_zoo.parsing import ParserError
from ifd_zoo.parsing.coverage import count_coverage
from ifd_zoo.parsing.masksets import LABEL_MAPS, MaskSource


class Measurement(NamedTuple):
    """What a model did on a data set; `report` is all JSON values."""

    report: dict
    protocols: tuple[Protocol, ...]
    records: tuple[Record, ...]
    embeddings: np.ndarray


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser('eval/run.py', description='Measure a model on a data set.', allow_abbrev=False)
    parser.add_argument('--model', required=True, help='release folder, bundled name, or hf-hub:org/name')
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', required=True, type=Path, help='folder of the data set')
    parser.add_argument(
        '--masks',
        default=LABEL_MAPS,
        help=f'where clothing masks come from: {LABEL_MAPS} (of the data set), none, a parser (bundled, a folder), or '
        'a folder of label maps by python -m ifd_zoo.parsing',
    )
    parser.add_argument('--maps', type=Path, help='keep the label maps of the parser in this folder')
    parser.add_argument('--output', type=Path, help='folder for figures.json, figures.md and report.html')
    parser.add_argument('--batch-size', type=positive, default=64)
    parser.add_argument('--workers', type=not_negative, default=2, help='processes that load images')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    add_feature(parser)
    parser.add_argument('--flip', action=argparse.BooleanOptionalAction, default=True, help='add the mirror image')
    parser.add_argument(
        '--precision', default='fp32', choices=PRECISIONS, help='auto: the fastest that keeps the answer of fp32'
    )
    parser.add_argument('--rerank', action='store_true', help='rank again by k-reciprocal neighbours')
    parser.add_argument('--record', action='store_true', help='write the figures into the release, card included')
    args = parser.parse_args(argv)
    if args.record and (args.feature or args.rerank or not args.flip):
        parser.error('--record is for the figures that the card speaks of: leave out --feature, --rerank and --no-flip')
    return args


def load_protocols(args: argparse.Namespace, masks: MaskSource, maps: Path) -> tuple[Protocol, ...]:
    """The data set's protocols, their records with the masks that were asked for."""
    root = args.root.expanduser()
    dataset = load_dataset(args.data, root)
    if not dataset.protocols:
        raise DatasetError(f'{root}: no query and gallery images in the layout of {args.data!r}')
    records = distinct_records(dataset.protocols)
    return dataset.with_records(dict(zip(records, masks.apply(records, root, maps), strict=True))).protocols


def measure_model(model: nn.Module, args: argparse.Namespace) -> Measurement:
    """Embed and measure.

    Args:
        model: an architecture of the zoo, or what has its interface.
        args: of `parse_args`; the model is given beside them.

    Raises:
        EmbeddingError: the model gives embeddings that are not finite.
    """
    device = pick_device(args.device)
    model = model.to(device)
    args.precision = choose_precision(model, device, args.precision)
    masks = MaskSource(args.masks, device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(args, masks, args.maps or Path(temporary))
        records = distinct_records(protocols)
        transform = eval_transform(model)
        coverage = None
        if model.needs_mask:
            coverage = count_coverage(records, args.root.expanduser(), transform.masking.clothing_classes)
        with precision(device, args.precision):
            embeddings = extract(model, records, transform, args.batch_size, args.workers, args.flip)
    reranking = Reranking() if args.rerank else None
    rows = measure(protocols, records, embeddings, reranking)
    report = {
        'model': model_name(model),
        'weights_sha256': hash_weights(model),
        'seed': model.release_info.get('training', {}).get('seed'),
        'data': args.data,
        'masks': masks.name,
        'coverage': coverage,
        'feature': feature_name(model),
        'flip': args.flip,
        'precision': args.precision,
        'rerank': reranking and reranking._asdict(),
        'protocols': rows,
        'paper': reference(args.data, {row['mode'] for row in rows}),
    }
    return Measurement(report, protocols, records, embeddings)


def write_output(folder: Path, measurement: Measurement) -> None:
    """The report in its three forms."""
    report = measurement.report
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'figures.json').write_text(json.dumps(report, indent=2, allow_nan=False) + '\n')
    (folder / 'figures.md').write_text(markdown_report(report) + '\n')
    write_html(folder / 'report.html', *measurement)


def find_own_record(args: argparse.Namespace) -> Path:
    """The release into which `--record` writes.

    Raises:
        LoadError: it is somebody else's, or was made for other data than these.
    """
    folder, own = find_record(args.model), read_info(args.model).get('data', {})
    root = {'folder': args.root.expanduser().resolve().name} if args.data == 'folder' else {}
    these = {'name': args.data, **root}
    if these.items() - own.items():
        raise LoadError(f'--record: the card of {args.model} is about {_said(own)}, and this is {_said(these)}')
    return folder


def _said(data: dict) -> str:
    return ', '.join(str(data[key]) for key in ('name', 'folder') if key in data) or 'data that it does not name'


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        folder = find_own_record(args) if args.record else None
        measurement = measure_model(load_model(args.model, args.feature), args)
        print(markdown_report(measurement.report))
        if folder:
            data = read_info(args.model)['data'] | {'split': 'test'}
            update_record(folder, figures=measurement.report['protocols'], data=data)
        if args.output:
            write_output(args.output, measurement)
    except (DatasetError, LoadError, ParserError, DeviceError, EmbeddingError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
