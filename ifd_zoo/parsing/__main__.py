"""Label maps by a parser for all images of a data set.

    python -m ifd_zoo.parsing --parser bundled --data prcc --root DIR --output DIR

Gives one palette PNG for each image, at the image's path relative to the data set; `masks.json` with what made them and
how many show no person or no clothing; and `contact_sheet.jpg` to look at. A run that was stopped goes on where it was.
Several processes, on one machine or on several that share the folders, make the same files as one:
`torchrun --nproc-per-node 2 -m ifd_zoo.parsing ...`, or `accelerate launch --multi_gpu --num_processes 2 -m
ifd_zoo.parsing ...`, on machines without GPUs, too.
The folder is then a value of `--masks` of the other commands.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from ifd_zoo.datasets import DATASETS, DatasetError, Record, load_dataset
from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.files import replacing
from ifd_zoo.inference import DeviceError
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.cache import BATCH_SIZE, MapFolder, check_origin, map_batches
from ifd_zoo.parsing.coverage import KINDS, contact_sheet, coverage_text, measure_coverage
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.mapfile import LABELS_VERSION
from ifd_zoo.parsing.masksets import SUMMARY, read_summary
from ifd_zoo.parsing.registry import load_parser, portable_name
from ifd_zoo.processes import ProcessError, Processes, process_group

SHEET = 'contact_sheet.jpg'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        'python -m ifd_zoo.parsing', description='Make label maps for a data set.', allow_abbrev=False
    )
    parser.add_argument('--parser', default='bundled', help='name of a parser, name:PATH, folder, or hf-hub:org/name')
    parser.add_argument('--accept-licence', action='store_true', help="accept the parser's own terms, if it has any")
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', required=True, type=Path, help='folder of the data set')
    parser.add_argument('--output', required=True, type=Path, help='folder for the label maps')
    parser.add_argument('--batch-size', type=int, default=BATCH_SIZE, help='images that are parsed together')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    args = parser.parse_args(argv)
    if args.batch_size < 1:
        parser.error('--batch-size must be at least 1')
    return args


def parse_dataset(args: argparse.Namespace, group: Processes) -> str:
    """Make this process's share of the label maps, and in the main process the summary; returns what to print."""
    root, output = args.root.expanduser(), args.output.expanduser()
    parser = load_parser(args.parser, group.pick_device(args.device), args.accept_licence)
    maps = MapFolder(parser, root, output)
    if (output / SUMMARY).is_file():
        _require_parser(output, maps.parser_id)
    records = maps.point(load_dataset(args.data, root).records)
    mine = group.share(map_batches(records, args.batch_size))
    _remove_damaged(mine, maps.parser_id)
    maps.fill_batches(mine)
    group.wait()
    if not group.is_main:
        return ''
    coverage = measure_coverage(records, root)
    with replacing(output / SHEET) as temporary:
        contact_sheet(records).save(temporary, format='JPEG', quality=90)
    labels = {'labels': LABELS, 'labels_version': LABELS_VERSION}
    name = portable_name(args.parser)
    summary = {'parser': maps.parser_id, 'name': name, **labels, 'data': args.data, **coverage}
    with replacing(output / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + '\n')
    counts = {'images': len(records), **{kind: coverage[kind]['images'] for kind in KINDS}}
    return f'{output}: label maps of {len(records)} images by {name} ({maps.parser_id}); {coverage_text(counts)}'


def _require_parser(output: Path, parser: str) -> None:
    found = read_summary(output)['parser']
    if found != parser:
        raise DatasetError(
            f'{output / SUMMARY}: the label maps here are by the parser {found}, not by {parser}; give another '
            '--output or remove this folder'
        )


def _remove_damaged(batches: Sequence[Sequence[Record]], parser: str) -> None:
    """Remove label maps that the parser of that id made and something has damaged since."""
    for record in chain.from_iterable(batches):
        if record.label_map.exists():
            check_origin(record, parser)
            try:
                read_label_map(record.label_map)
            except DatasetError as error:
                print(f'made again: {error}', file=sys.stderr)
                record.label_map.unlink()


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        with process_group() as group:
            text = parse_dataset(args, group)
    except (DatasetError, ParserError, DeviceError, ProcessError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    if text:
        print(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
