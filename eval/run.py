"""Measure a model on a data set.

    python eval/run.py --model DIR --data folder --root DIR [--masks bundled] [--rerank] [--output DIR]

Prints a table with every protocol of the data set, followed by the paper's metrics for the same data set if it has any.
`--output` gets them as `figures.json` and `figures.md`, and as `report.html` with curves and rank lists of the best,
worst and random queries.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point
from ifd_zoo.datasets.flags import add_data_flags


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/run.py', description='Measure a model on a data set.')
    add_model_flags(parser, 'feature', 'flip', 'precision')
    add_data_flags(parser, 'masks', 'batch-size', 'workers')
    parser.add_argument('--output', type=Path, help='folder for figures.json, figures.md and report.html')
    parser.add_argument('--rerank', action='store_true', help='re-rank with k-reciprocal neighbours')
    parser.add_argument('--record', action='store_true', help='write the figures into the release, card included')
    args = parser.parse_args(argv)
    if args.record and (args.feature or args.rerank or not args.flip):
        parser.error('--record writes the metrics of the card: leave out --feature, --rerank and --no-flip')
    return args


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.measure import Setting, find_own_record, measure_model, record_figures, write_output
    from eval.reports.metric_tables import markdown_report
    from ifd_zoo.hub import load_model

    folder = find_own_record(args) if args.record else None
    measurement = measure_model(load_model(args.model, args.feature), Setting.of(args))
    print(markdown_report(measurement.report))
    if folder:
        record_figures(folder, measurement)
    if args.output:
        write_output(args.output, measurement)


if __name__ == '__main__':
    sys.exit(main())
