"""Build, search and maintain a gallery on disk.

    python -m ifd_zoo.index build --index DIR --images DIR [--labels folders] [--crop] [--prune] [--ray [ADDRESS]]
    python -m ifd_zoo.index search --index DIR --query FILE ... [--crop] [--top-k 10] [--pid P ...] [--json]
    python -m ifd_zoo.index info --index DIR
    python -m ifd_zoo.index check --index DIR
    python -m ifd_zoo.index remove --index DIR [--name NAME ...] [--pid P ...]
    python -m ifd_zoo.index compact --index DIR
    python -m ifd_zoo.index approximate --index DIR --kind ivf_rq

DIR may also be an address such as s3://bucket/folder. `build` resumes where it was stopped; run again, it adds images
that are new or have changed and, with `--prune`, removes those that are gone from the folder. `build` and `search` use
the table of their model and setting, the other commands all tables. The exit code is 0, or 2 with a one-line error.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.common.choices import APPROXIMATE, DEFAULT_MODEL, FOLDER_LABELS, PRECISIONS
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.index.base import parse_time


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.index', description='Build and search a gallery on disk.')
    commands = parser.add_subparsers(required=True, metavar='build|search|info|check|remove|compact|approximate')

    command = _command(commands, 'build', 'build_index', 'embed images that are not in the index yet')
    command.add_argument('--images', required=True, type=Path, help='folder of images')
    command.add_argument(
        '--labels',
        choices=FOLDER_LABELS,
        default='none',
        help='how folder names give persons; folders: guess, and stop if that is ambiguous; person: as in '
        'person/image; person/outfit: as in person/outfit/image',
    )
    command.add_argument('--prune', action='store_true', help='remove images that are gone from the folder or unusable')
    command.add_argument('--fresh-weights', action='store_true', help='accept untrained weights')
    add_flags(command, 'ray')
    _add_model(command)

    command = _command(commands, 'search', 'search_index', 'find the most similar images')
    command.add_argument('--query', required=True, nargs='+', type=Path, help='query images')
    command.add_argument('--top-k', type=int, default=10, help='number of matches')
    command.add_argument('--people', action='store_true', help='only the best image of each person')
    command.add_argument('--pid', nargs='+', default=[], help='search only these persons')
    command.add_argument('--camid', nargs='+', default=[], help='search only these cameras')
    command.add_argument('--since', type=parse_time, metavar='TIME', help='earliest: 2026-05-31 or 2026-05-31T18:30')
    command.add_argument('--until', type=parse_time, metavar='TIME', help='latest time, by the last change of the file')
    command.add_argument('--approximate', action='store_true', help='use the index built by `approximate`')
    command.add_argument('--json', action='store_true', help='print JSON')
    _add_model(command)

    _command(commands, 'info', 'show_info', 'show what is in the index')
    _command(commands, 'check', 'check_index', 'read all rows and verify their checksums')
    command = _command(commands, 'remove', 'remove_rows', 'remove images')
    command.add_argument('--name', nargs='+', default=[], help='names of images, as in the index')
    command.add_argument('--pid', nargs='+', default=[], help='all images of these persons')
    _command(commands, 'compact', 'compact_index', 'free the space of removed rows; only while nobody uses the index')
    command = _command(commands, 'approximate', 'build_approximate', 'build and measure an approximate index')
    command.add_argument('--kind', choices=APPROXIMATE, default=APPROXIMATE[0], help='hnsw takes the most space')

    args = parser.parse_args(argv)
    if args.run == 'search_index' and args.top_k < 1:
        parser.error('--top-k must be at least 1')
    if args.run == 'remove_rows' and not args.name + args.pid:
        parser.error('give --name or --pid')
    return args


def _command(commands, name: str, run, text: str) -> ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.add_argument('--index', required=True, help='folder of the index, or s3://bucket/folder')
    command.set_defaults(run=run)
    return command


def _add_model(command: ArgumentParser) -> None:
    command.add_argument('--model', default=DEFAULT_MODEL, help='name, folder, file or hf-hub:org/name')
    command.add_argument('--parser', default='bundled', help='human parser, see python -m ifd_zoo.parsing')
    command.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    command.add_argument('--precision', default='auto', choices=PRECISIONS, help='the same for search as for build')
    add_flags(command, 'crop')


@entry_point('stopped; run `build` again to resume')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.index import actions

    print(getattr(actions, args.run)(args))


if __name__ == '__main__':
    sys.exit(main())
