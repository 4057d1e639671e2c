"""Compare models with bootstrap intervals: metrics of each, and paired differences.

    python eval/intervals.py --models MODEL[=FEATURE] ... --root DIR [--masks bundled] [--json FILE]

Prints rank-1 and mAP in percent with a 95 % interval for each protocol and row, and the difference of each row to the
first, query by query. A row is a model, or a model and a test feature, as in `ifd_resnet10t.synthetic=pooled`; or
several trainings of one model, as in `seed0/release,seed1/release`, which are averaged. The bootstrap resamples people,
as the queries of a person are not independent, and the trainings of a row if it has several. A few trainings say little
about others, and no interval covers a change of cameras. `--wrong SHARE` gives that share of the images the label map
of another image, as a failing parser would, to show what masks are worth to a model. `--imagenet` and `--floors` add
rows of networks not trained on people.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.rows import add_imagenet, add_rows
from ifd_zoo.common.cli import ArgumentParser, entry_point, fraction
from ifd_zoo.datasets.flags import add_data_flags


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/intervals.py', description=__doc__)
    add_rows(parser, '; differences are to the first row')
    add_data_flags(parser, 'masks', 'workers', 'device')
    parser.add_argument('--wrong', type=fraction, default=0.0, help="share of images given another image's label map")
    add_imagenet(parser)
    parser.add_argument('--floors', action='store_true', help="also the first model's masked stream and a histogram")
    parser.add_argument('--json', type=Path, help='file for the figures')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.bootstrap import compare_rows, table
    from ifd_zoo.common.files import replacing

    rows = compare_rows(args)
    print(table(rows))
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
