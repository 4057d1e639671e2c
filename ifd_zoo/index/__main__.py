"""A gallery on disk, and the people in it.

    python -m ifd_zoo.index build --index DIR --images DIR [--labels folders] [--crop] [--prune] [--ray [ADDRESS]]
    python -m ifd_zoo.index search --index DIR --query FILE ... [--crop] [--top-k 10] [--pid P ...] [--json]
    python -m ifd_zoo.index info --index DIR
    python -m ifd_zoo.index check --index DIR
    python -m ifd_zoo.index remove --index DIR [--name NAME ...] [--pid P ...]
    python -m ifd_zoo.index compact --index DIR
    python -m ifd_zoo.index approximate --index DIR --kind ivf_rq

DIR may also be an address such as s3://bucket/folder. A build that was stopped goes on where it was; called again it
takes in what is new or has changed, and with `--prune` takes out what is not in the folder any more. `build` and
`search` mean the table of their model and setting, the others all. Ends with 0, or with 2 and a line that says what is
wrong.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.common.choices import APPROXIMATE, DEFAULT_MODEL, FOLDER_LABELS, PRECISIONS
from ifd_zoo.index.base import moment


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.index', description='A gallery on disk.')
    commands = parser.add_subparsers(required=True, metavar='build|search|info|check|remove|compact|approximate')

    command = _command(commands, 'build', 'build_index', 'embed pictures that are not in the index yet')
    command.add_argument('--images', required=True, type=Path, help='folder of pictures')
    command.add_argument(
        '--labels',
        choices=FOLDER_LABELS,
        default='none',
        help="persons by their folders' names; folders: where these tell which is whose, else say person, for "
        'person/picture, or person/outfit',
    )
    command.add_argument('--prune', action='store_true', help='take out what is not in the folder, or not usable')
    command.add_argument('--fresh-weights', action='store_true', help='go on with weights that were not trained')
    add_flags(command, 'ray')
    _add_model(command)

    command = _command(commands, 'search', 'search_index', 'the most similar pictures')
    command.add_argument('--query', required=True, nargs='+', type=Path, help='pictures')
    command.add_argument('--top-k', type=int, default=10, help='pictures of the answer')
    command.add_argument('--people', action='store_true', help='of each person the best picture only')
    command.add_argument('--pid', nargs='+', default=[], help='search among these persons only')
    command.add_argument('--camid', nargs='+', default=[], help='search among these cameras only')
    command.add_argument('--since', type=moment, metavar='TIME', help='2026-05-31, or 2026-05-31T18:30')
    command.add_argument('--until', type=moment, metavar='TIME', help='by the last change of the file')
    command.add_argument('--approximate', action='store_true', help='by the index that `approximate` has made')
    command.add_argument('--json', action='store_true', help='for programs')
    _add_model(command)

    _command(commands, 'info', 'show_info', 'what is in the index')
    _command(commands, 'check', 'check_index', 'read everything, to see if something has changed since it was written')
    command = _command(commands, 'remove', 'remove_rows', 'take pictures out')
    command.add_argument('--name', nargs='+', default=[], help='as in the index')
    command.add_argument('--pid', nargs='+', default=[], help='all pictures of these persons')
    _command(commands, 'compact', 'compact_index', 'give back the space of what is gone; for when nobody searches')
    command = _command(commands, 'approximate', 'build_approximate', 'make an approximate index, and measure it')
    command.add_argument('--kind', choices=APPROXIMATE, default=APPROXIMATE[0], help='the last is larger')

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
    command.add_argument('--precision', default='auto', choices=PRECISIONS, help='an index is searched as it was built')
    add_flags(command, 'crop')


@entry_point('stopped; `build` goes on from here when it is given again')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.index import actions

    print(getattr(actions, args.run)(args))


if __name__ == '__main__':
    sys.exit(main())
