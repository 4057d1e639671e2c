"""People who change their clothes, drawn from a seed, with label maps that are exact at every pixel.

    python -m ifd_zoo.synthetic --ids 1000 --test-ids 200 --outfits 4 --views 4 --seed 0 --workers 2 --output DIR

DIR is then a data set for `--data folder`: train, query, gallery and parsing. DIR/unseen_cameras is a second test whose
cameras are in no training picture; DIR/hard (with --hard) a third one, whose gallery also holds look-alikes: other
people in the very clothes of those who are searched for. DIR/README.md tells what is in the set, DIR/metadata.csv tells
it for each picture, DIR/sheets shows some. The same command in the same folder goes on where a run was stopped. The
same flags give the same files for any number of workers, and a set with fewer --ids or --test-ids is part of a larger
one. One worker draws several pictures a second.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.cli import REFUSED, ArgumentParser, entry_point, positive, size
from ifd_zoo.synthetic.flags import COMMAND, add_option_flags, read_options
from ifd_zoo.synthetic.generate import Generation
from ifd_zoo.synthetic.plan import Settings
from ifd_zoo.synthetic.writer import GenerationError, advice


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    usual = Settings()
    parser = ArgumentParser(COMMAND, description=__doc__)
    parser.add_argument('--output', required=True, type=Path, help='folder of the set')
    parser.add_argument('--workers', type=positive, default=1, help='processes, each with one thread and below 500 MB')
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        metavar='IDENTITY[/OUTFIT[/VIEW]]',
        help='draw just these, also when they are there; they come out as in the whole set',
    )
    group = parser.add_argument_group('the set')
    for name, help_text in {
        'ids': 'training people',
        'test_ids': 'test people, none of them in training',
        'outfits': 'for each person; at least 2 with test people',
        'views': 'for each outfit; at least 3 with test people',
        'seed': 'of all that is drawn',
        'supersampling': 'samples along each side of a pixel',
        'quality': 'of the JPEG files, 1 to 100',
        'fabrics': 'another number gives all garments other colours and patterns, and changes nothing else',
    }.items():
        flag = f'--{name.replace("_", "-")}'
        group.add_argument(flag, type=int, default=getattr(usual, name), help=help_text, metavar='N')
    group.add_argument(
        '--size', type=size, default=usual.size, help='height and width (default: 256x128)', metavar='HxW'
    )
    group.add_argument(
        '--unseen',
        action=argparse.BooleanOptionalAction,
        default=usual.unseen,
        help='the test with unseen cameras: as many pictures as the test has (default: made)',
    )
    group.add_argument(
        '--hard',
        action=argparse.BooleanOptionalAction,
        default=usual.hard,
        help='the test with look-alikes: as many pictures as the gallery has (default: not made)',
    )
    add_option_flags(parser)
    return parser.parse_args(argv)


def read_settings(args: argparse.Namespace) -> Settings:
    """Raises SettingsError when they do not go together."""
    names = 'ids', 'test_ids', 'outfits', 'views', 'seed', 'size', 'supersampling', 'quality', 'fabrics'
    values = {name: getattr(args, name) for name in (*names, 'unseen', 'hard')}
    return Settings(**values, options=read_options(args))


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        print(Generation(read_settings(args), args.output.expanduser(), args.workers).run(args.only))
    except OSError as error:
        print(f'error: {error}{advice(error)}', file=sys.stderr)
        return REFUSED
    except GenerationError as error:
        # The cause carries the worker's own traceback.
        print(f'{error.__cause__ or ""}\nerror: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
