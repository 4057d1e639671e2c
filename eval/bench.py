"""Speed benchmarks, as ratios to a floor that is measured in the same run.

    python eval/bench.py [--only embedding parsing ...] [--root DIR] [--json FILE] [--compare]

Machines differ and are never idle, so the ratio of two timings taken together says more than either alone. `--root` is
a data set in the `folder` layout; by default images are generated. `--compare` shows how the ratios have changed since
an earlier run, by default the one in eval/results/bench.json.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.benchmarks.pictures import make_pictures
from eval.benchmarks.rows import MissingExtra, Row, read_ratios, table, write_json
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point, positive, size

KEPT = Path(__file__).resolve().parent / 'results' / 'bench.json'
BENCHMARKS = {
    'embedding': 'networks:bench_embedding',
    'parsing': 'networks:bench_parsing',
    'ranking': 'ranking:bench_ranking',
    'metrics': 'ranking:bench_metrics',
    'search': 'ranking:bench_search',
    'start': 'starting:bench_start',
    'memory': 'starting:bench_memory',
    'drawing': 'drawing:bench_drawing',
    'training': 'training:bench_training',
}
"""Benchmarks by name, as `module:function` in `eval.benchmarks`."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/bench.py', description='Measure speed as ratios to floors.')
    parser.add_argument('--only', nargs='+', choices=BENCHMARKS, help='default: all')
    parser.add_argument('--root', type=Path, help='data set in the folder layout; default: generated images')
    add_flags(parser, 'workers')
    parser.add_argument('--size', type=size, default='256x128', help='HEIGHTxWIDTH of the input in training, in pixels')
    parser.add_argument('--rounds', type=positive, default=2, help='timings of each function; the best one counts')
    parser.add_argument('--json', type=Path, help='also write the rows to this file')
    parser.add_argument('--compare', nargs='?', type=Path, const=KEPT, help='earlier run; default: results/bench.json')
    args = parser.parse_args(argv)
    if args.compare and not args.compare.is_file():
        parser.error(f'--compare {args.compare}: no such file; create one with --json')
    return args


def import_benchmark(name: str) -> Callable[..., list[Row]]:
    """Import a benchmark: a function of the data folder and the number of rounds that returns rows."""
    module, _, function = BENCHMARKS[name].partition(':')
    return getattr(import_module(f'eval.benchmarks.{module}'), function)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    more = {'training': {'size': args.size, 'workers': args.workers}}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = args.root or make_pictures(Path(temporary))
        for name in [name for name in BENCHMARKS if not args.only or name in args.only]:
            try:
                rows += import_benchmark(name)(root, rounds=args.rounds, **more.get(name, {}))
            except MissingExtra as error:
                print(f'{name}: left out: {error}', file=sys.stderr)
    print(table(rows, read_ratios(args.compare) if args.compare else None))
    if args.json:
        write_json(rows, args.json)


if __name__ == '__main__':
    sys.exit(main())
