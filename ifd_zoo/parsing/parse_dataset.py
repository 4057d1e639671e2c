"""Label maps for all images of a data set, with a summary and a contact sheet."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ifd_zoo.common.batch_jobs import cluster_at
from ifd_zoo.common.files import replacing
from ifd_zoo.datasets import DatasetError, Record, load_dataset
from ifd_zoo.datasets.base import read_label_map
from ifd_zoo.images.label_maps import LABELS_VERSION
from ifd_zoo.labels import LABELS
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing.cache import MapFolder, check_origin
from ifd_zoo.parsing.coverage import KINDS, contact_sheet, coverage_text, measure_coverage
from ifd_zoo.parsing.mask_source import SUMMARY, read_summary
from ifd_zoo.parsing.registry import load_parser, portable_name

SHEET = 'contact_sheet.jpg'


def parse_dataset(args: argparse.Namespace) -> str:
    """Make the label maps, their summary and a contact sheet; return the text to print."""
    root, output = args.root.expanduser(), args.output.expanduser()
    device = pick_device(args.device)
    parser = load_parser(args.parser, device, args.accept_licence)
    maps = MapFolder(parser, root, output)
    if (output / SUMMARY).is_file():
        _require_parser(output, maps.parser_id)
    records = maps.point(load_dataset(args.data, root).records)
    _remove_damaged(records, maps.parser_id)
    maps.fill(records, args.batch_size, cluster_at(args.ray, device))
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
            f'{output / SUMMARY}: the label maps here were made by the parser {found}, not by {parser}; choose '
            'another --output or remove this folder'
        )


def _remove_damaged(records: Sequence[Record], parser: str) -> None:
    """Delete damaged label maps that were made by the parser with this id."""
    for record in records:
        if record.label_map.exists():
            check_origin(record, parser)
            try:
                read_label_map(record.label_map)
            except DatasetError as error:
                print(f'making again: {error}', file=sys.stderr)
                record.label_map.unlink()
