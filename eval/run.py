"""Measure a model on a data set.

    python eval/run.py --model DIR --data folder --root DIR [--masks bundled] [--output DIR]

Prints one table with every protocol of the data set; `--output` gets it as `figures.json` and `figures.md`.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from eval.report import evaluate_protocols, markdown_table
from ifd_zoo.datasets import DATASETS, DatasetError, Protocol, ReIDDataset, load_dataset
from ifd_zoo.hub import LoadError, eval_transform, load_model
from ifd_zoo.inference import DeviceError, pick_device
from ifd_zoo.parsing import ParserError, load_parser
from ifd_zoo.parsing.cache import with_parsed_maps

LABEL_MAPS = 'label-maps'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser('eval/run.py', description='Measure a model on a data set.', allow_abbrev=False)
    parser.add_argument('--model', required=True, help='release folder, bundled name, or hf-hub:org/name')
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', required=True, type=Path, help='folder of the data set')
    parser.add_argument(
        '--masks',
        default=LABEL_MAPS,
        help=f'where clothing masks come from: {LABEL_MAPS} (of the data set), or a parser: bundled, none, a folder',
    )
    parser.add_argument('--maps', type=Path, help='keep the label maps of the parser in this folder')
    parser.add_argument('--output', type=Path, help='folder for figures.json and figures.md')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--workers', type=int, default=2, help='processes that load images')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    parser.add_argument('--flip', action=argparse.BooleanOptionalAction, default=True, help='add the mirror image')
    return parser.parse_args(argv)


def load_protocols(args: argparse.Namespace, device: torch.device, maps: Path) -> tuple[Protocol, ...]:
    """The data set's protocols, their records with the masks that were asked for."""
    root = args.root.expanduser()
    dataset = load_dataset(args.data, root)
    if not dataset.protocols:
        raise DatasetError(f'{root}: no query and gallery images in the layout of {args.data!r}')
    if args.masks == LABEL_MAPS:
        _require_maps(dataset, root)
        return dataset.protocols
    parser = load_parser(args.masks, device)
    return tuple(
        replace(
            protocol,
            query=with_parsed_maps(protocol.query, parser, root, maps),
            gallery=with_parsed_maps(protocol.gallery, parser, root, maps),
        )
        for protocol in dataset.protocols
    )


def _require_maps(dataset: ReIDDataset, root: Path) -> None:
    records = [record for protocol in dataset.protocols for record in protocol.query + protocol.gallery]
    missing = sum(record.label_map is None for record in records)
    if missing:
        raise DatasetError(f'{root}: {missing} of {len(records)} images have no label map; use --masks bundled')


def measure(args: argparse.Namespace) -> dict:
    device = pick_device(args.device)
    model = load_model(args.model).to(device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(args, device, args.maps or Path(temporary))
        figures = evaluate_protocols(model, protocols, eval_transform(model), args.batch_size, args.workers, args.flip)
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    return {
        'model': Path(args.model).name,
        'weights_sha256': digest.hexdigest(),
        'data': args.data,
        'masks': Path(args.masks).name,
        'flip': args.flip,
        'protocols': figures,
    }


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        report = measure(args)
    except (DatasetError, LoadError, ParserError, DeviceError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    table = markdown_table(report['protocols'])
    print(f'{report["model"]} on {report["data"]}, masks: {report["masks"]}\n{table}')
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / 'figures.json').write_text(json.dumps(report, indent=2) + '\n')
        (args.output / 'figures.md').write_text(table + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
