"""A gallery on disk, and the people in it.

    python -m ifd_zoo.index build --index DIR --images DIR [--model NAME|DIR] [--labels folders] [--prune]
    python -m ifd_zoo.index search --index DIR --query FILE ... [--top-k 10] [--engine exact|flat|hnsw|ivfpq] [--json]
    python -m ifd_zoo.index info --index DIR
    python -m ifd_zoo.index remove --index DIR [--name NAME ...] [--label LABEL ...]
    python -m ifd_zoo.index compact --index DIR
    python -m ifd_zoo.index faiss --index DIR --kind hnsw

A build that was stopped goes on where it was; called again it takes in what is new or has changed, and with `--prune`
takes out what is not in the folder any more. Ends with 0, or with 2 and a line that says what is wrong.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.choices import DEFAULT_MODEL, EXACT, FAISS_KINDS, FOLDER_LABELS, PRECISIONS, STORED
from ifd_zoo.cli import ArgumentParser, entry_point


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.index', description='A gallery on disk.')
    commands = parser.add_subparsers(required=True, metavar='build|search|info|remove|compact|faiss')

    command = _command(commands, 'build', 'build_index', 'embed pictures that are not in the index yet')
    command.add_argument('--images', required=True, type=Path, help='folder of pictures')
    command.add_argument(
        '--labels',
        choices=FOLDER_LABELS,
        default='none',
        help="persons by their folders' names; folders: where these tell which is whose, else say person, for "
        'person/picture, or person/outfit',
    )
    command.add_argument('--dtype', choices=STORED, default='fp16', help='of a new index')
    command.add_argument('--prune', action='store_true', help='remove what is not in the folder any more')
    _add_model(command)

    command = _command(commands, 'search', 'search_index', 'the most similar pictures')
    command.add_argument('--query', required=True, nargs='+', type=Path, help='pictures')
    command.add_argument('--top-k', type=int, default=10, help='pictures of the answer')
    command.add_argument('--engine', choices=(EXACT, *FAISS_KINDS), default=EXACT, help='FAISS, once it has been built')
    command.add_argument('--json', action='store_true', help='for programs')
    _add_model(command)

    _command(commands, 'info', 'show_info', 'what is in the index')
    command = _command(commands, 'remove', 'remove_rows', 'take pictures out')
    command.add_argument('--name', nargs='+', default=[], help='as in the index')
    command.add_argument('--label', nargs='+', default=[], help='all pictures of these persons')
    _command(commands, 'compact', 'compact_index', 'merge shards, and give the space of removed pictures back')
    command = _command(commands, 'faiss', 'build_faiss', 'make an index of FAISS, and measure its recall')
    command.add_argument('--kind', choices=FAISS_KINDS, default='hnsw', help='of its engines')

    args = parser.parse_args(argv)
    if args.run == 'search_index' and args.top_k < 1:
        parser.error('--top-k must be at least 1')
    if args.run == 'remove_rows' and not args.name + args.label:
        parser.error('give --name or --label')
    return args


def _command(commands, name: str, run, text: str) -> ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.add_argument('--index', required=True, type=Path, help='folder of the index')
    if run not in ('build_index', 'compact_index'):  # what is written must not come from damaged files
        command.add_argument(
            '--verify', action=argparse.BooleanOptionalAction, default=True, help='read all files to see if any changed'
        )
    command.set_defaults(run=run)
    return command


def _add_model(command: ArgumentParser) -> None:
    command.add_argument('--model', default=DEFAULT_MODEL, help='name, folder, file or hf-hub:org/name')
    command.add_argument('--parser', default='bundled', help='human parser, see python -m ifd_zoo.parsing')
    command.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    command.add_argument('--precision', default='auto', choices=PRECISIONS, help='an index is searched as it was built')


@entry_point('stopped; `build` goes on from here when it is given again')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.index import actions

    print(getattr(actions, args.run)(args))


if __name__ == '__main__':
    sys.exit(main())
