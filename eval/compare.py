"""Several models on every test of a data set in one table: over seeds, with exact and with parsed masks.

    python eval/compare.py --root DIR --models IFD=RUN0/release,RUN1/release baseline=RUN2/release --output DIR

`--root` is in the `folder` layout; its tests are the folder itself, `unseen_cameras` and `hard`, those that are there.
What comes before `=` is the name of a row, what comes after are its trainings, one for each seed. Two rows more show
what has to be beaten: a colour histogram, and the first model's network without training. A last table has what the
models cost, which wants an idle machine. `--output` gets `compare.md` and `compare.json`, and keeps each measurement:
a run that was stopped goes on. `--record` writes the tables into config.json and card of the models, too.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.rows import add_rows
from ifd_zoo.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.common.choices import LABEL_MAPS


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/compare.py', description=__doc__.splitlines()[0])
    add_flags(parser, 'root', 'workers', 'device', 'precision')
    add_rows(parser)
    parser.add_argument('--masks', nargs='+', default=[LABEL_MAPS, 'bundled'], help='as --masks of eval/run.py')
    parser.add_argument('--output', required=True, type=Path, help='folder for the table and all measurements')
    parser.add_argument('--record', action='store_true', help='write the tables into the releases of the models')
    args = parser.parse_args(argv)
    if args.record and any(row.feature for row in args.models):
        parser.error('--record is for the test features of the releases: leave out those after =')
    return args


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.compare_models import compare
    from ifd_zoo.hub.comparison import comparison_tables

    print(comparison_tables(compare(args)))


if __name__ == '__main__':
    sys.exit(main())
