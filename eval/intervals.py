"""How sure a difference between models is: figures with intervals, and paired differences.

    python eval/intervals.py --models NAME|FOLDER[=FEATURE] ... --root DIR [--masks bundled] [--json FILE]

Prints rank-1 and mAP in percent for each protocol and row with an interval of 95 %, and how far each row is from the
first one, query by query. A row is a model, or a model and a test feature, as in `ifd_resnet10t.synthetic=pooled`.
People are drawn anew (bootstrap), since the queries of one person are answered alike. What other trainings or other
cameras would give is not in these intervals.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.choices import FEATURES, LABEL_MAPS
from ifd_zoo.cli import ArgumentParser, entry_point, not_negative
from ifd_zoo.datasets import DATASETS


def model_and_feature(text: str) -> tuple[str, str | None]:
    """`NAME=FEATURE` as both, `NAME` with None. Raises argparse.ArgumentTypeError."""
    name, equals, feature = text.partition('=')
    if equals and feature not in FEATURES:
        raise argparse.ArgumentTypeError(f'the feature of {text!r} is none of {", ".join(FEATURES)}')
    return name, feature or None


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/intervals.py', description=__doc__)
    parser.add_argument(
        '--models',
        nargs='+',
        required=True,
        type=model_and_feature,
        metavar='NAME[=FEATURE]',
        help='rows; differences are to the first one',
    )
    parser.add_argument('--data', choices=tuple(DATASETS), default='folder', help='data set reader')
    parser.add_argument('--root', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--masks', default=LABEL_MAPS, help=f'{LABEL_MAPS} of the data set, a parser, or a folder')
    parser.add_argument('--workers', type=not_negative, default=2, help='processes that load images')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    parser.add_argument('--json', type=Path, help='file for the figures')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.people import compare_rows, table
    from ifd_zoo.files import replacing

    rows = compare_rows(args)
    print(table(rows))
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
