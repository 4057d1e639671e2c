"""Compare models on every test of a data set in one table: over seeds, with exact and with parsed masks.

    python eval/compare.py --root DIR --models IFD=RUN0/release,RUN1/release baseline=RUN2/release --output DIR

`--root` is in the `folder` layout; the tests are the folder itself and its `unseen_cameras` and `hard`, if present. The
name of a row comes before `=`, its trainings, one per seed, after it. Two more rows are floors to beat: a colour
histogram and the untrained network of the first model. The last table has the cost of each model; measure it on an idle
machine. `--output` gets `compare.md`, `compare.json` and each measurement, so that a stopped run can be resumed.
`--record` also writes the tables into config.json and card of each model.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.rows import add_rows
from ifd_zoo.common.choices import LABEL_MAPS
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/compare.py', description=__doc__.splitlines()[0])
    add_flags(parser, 'root', 'workers', 'device', 'precision')
    add_rows(parser)
    parser.add_argument('--masks', nargs='+', default=[LABEL_MAPS, 'bundled'], help='as --masks of eval/run.py')
    parser.add_argument('--output', required=True, type=Path, help='folder for the table and all measurements')
    parser.add_argument('--record', action='store_true', help='write the tables into the releases of the models')
    args = parser.parse_args(argv)
    if args.record and any(row.feature for row in args.models):
        parser.error('--record needs the test features of the releases: leave out =FEATURE')
    return args


@entry_point('stopped; run the same command again to resume')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.compare_models import compare
    from ifd_zoo.hub.comparison import comparison_tables

    print(comparison_tables(compare(args)))


if __name__ == '__main__':
    sys.exit(main())
