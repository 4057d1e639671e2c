"""Render people who change clothes, from a seed, with label maps that are exact at every pixel.

    python -m ifd_zoo.synthetic --ids 1000 --test-ids 200 --outfits 4 --views 4 --seed 0 --workers 2 --output DIR

DIR becomes a data set for `--data folder`: train, query, gallery and parsing. DIR/unseen_cameras is a second test,
whose cameras do not occur in training; DIR/hard (with --hard) is a third, whose gallery also holds look-alikes: other
people in the same outfits as the test people. DIR/README.md describes the set, DIR/metadata.csv each image, and
DIR/sheets shows examples. Run the same command again to resume a run that was stopped. The same flags give the same
files for any number of workers, and a set with fewer --ids or --test-ids is part of a larger one. One worker renders
several images per second.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.common.cli import REFUSED, ArgumentParser, entry_point, positive, size
from ifd_zoo.synthetic.flags import COMMAND, add_option_flags, read_options
from ifd_zoo.synthetic.generate import Generation
from ifd_zoo.synthetic.plan import Settings
from ifd_zoo.synthetic.writer import GenerationError, advice


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    usual = Settings()
    parser = ArgumentParser(COMMAND, description=__doc__)
    parser.add_argument('--output', required=True, type=Path, help='folder to write the set to')
    parser.add_argument('--workers', type=positive, default=1, help='processes, one thread and less than 500 MB each')
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        metavar='IDENTITY[/OUTFIT[/VIEW]]',
        help='render only these, even if they exist; the files are the same as in the whole set',
    )
    group = parser.add_argument_group('the set')
    for name, help_text in {
        'ids': 'number of training people',
        'test_ids': 'number of test people, none of them in training',
        'outfits': 'outfits per person; at least 2 if there are test people',
        'views': 'images per outfit; at least 3 if there are test people',
        'seed': 'random seed of the whole set',
        'supersampling': 'samples along each side of a pixel',
        'quality': 'quality of the JPEG files, 1 to 100',
        'fabrics': 'seed of the fabrics: changes the colours and patterns of all garments, and nothing else',
    }.items():
        flag = f'--{name.replace("_", "-")}'
        group.add_argument(flag, type=int, default=getattr(usual, name), help=help_text, metavar='N')
    group.add_argument(
        '--size', type=size, default=usual.size, help='height and width in pixels (default: 256x128)', metavar='HxW'
    )
    group.add_argument(
        '--unseen',
        action=argparse.BooleanOptionalAction,
        default=usual.unseen,
        help='render the test with unseen cameras: as many images as the standard test (default: on)',
    )
    group.add_argument(
        '--hard',
        action=argparse.BooleanOptionalAction,
        default=usual.hard,
        help='render the test with look-alikes: one more image for each gallery image (default: off)',
    )
    add_option_flags(parser)
    return parser.parse_args(argv)


def read_settings(args: argparse.Namespace) -> Settings:
    """Read the settings from parsed flags; raises SettingsError if they are not valid together."""
    names = 'ids', 'test_ids', 'outfits', 'views', 'seed', 'size', 'supersampling', 'quality', 'fabrics'
    values = {name: getattr(args, name) for name in (*names, 'unseen', 'hard')}
    return Settings(**values, options=read_options(args))


@entry_point('stopped; run the same command again to resume')
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        print(Generation(read_settings(args), args.output.expanduser(), args.workers).run(args.only))
    except OSError as error:
        print(f'error: {error}{advice(error)}', file=sys.stderr)
        return REFUSED
    except GenerationError as error:
        # The cause holds the worker's traceback.
        print(f'{error.__cause__ or ""}\nerror: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
