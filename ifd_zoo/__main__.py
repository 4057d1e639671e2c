"""List the zoo's models, and export them to ONNX.

    python -m ifd_zoo list ['ifd_resnet50*'] [--json]
    python -m ifd_zoo export --model ifd_resnet10t.synthetic --output FILE.onnx [--parser bundled] [--precision fp16]
"""

import argparse
import json
import sys
from pathlib import Path

from ifd_zoo.common.choices import STORED
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point, positive


def show_list(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.listing import catalogue, format_table, to_json
    from ifd_zoo.releases.files import LoadError

    entries = catalogue(args.pattern)
    if not entries:
        raise LoadError(f'no model matches {args.pattern!r}; python -m ifd_zoo list shows all')
    return json.dumps(to_json(entries), indent=2) if args.json else format_table(entries)


def export(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.export import export_onnx
    from ifd_zoo.hub.loading import load_trained
    from ifd_zoo.parsing import load_parser

    parser = load_parser(args.parser) if args.parser else None
    options = {'flip': args.flip, 'precision': args.precision, 'opset': args.opset}
    deviation = export_onnx(load_trained(args.model, args.fresh_weights), args.output, parser, **options)
    return f'{args.output}: onnxruntime is within {deviation:.1e} of torch for 1 and for 3 images'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo', description='The models of the zoo.')
    commands = parser.add_subparsers(required=True, metavar='list|export')

    command = commands.add_parser('list', help='architectures and training runs')
    command.add_argument('pattern', nargs='?', default='*', help='only names that match; * and ? are wildcards')
    command.add_argument('--json', action='store_true', help='print JSON')
    command.set_defaults(run=show_list)

    command = commands.add_parser('export', help='write a model as an ONNX file')
    add_flags(command, 'model', 'flip')
    command.add_argument('--output', required=True, type=Path, help='ONNX file to write')
    command.add_argument('--fresh-weights', action='store_true', help='accept untrained weights')
    command.add_argument('--parser', help='include this parser: one input, the photos, instead of two')
    command.add_argument('--precision', choices=STORED[::-1], default='fp32', help='of the graph; fp16 halves the file')
    command.add_argument('--opset', type=positive, help='ONNX opset version (default: that of torch)')
    command.set_defaults(run=export)
    return parser.parse_args(argv)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    print(args.run(args))


if __name__ == '__main__':
    sys.exit(main())
