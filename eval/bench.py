"""How fast this is, as ratios to a floor that is measured in the same run.

    python eval/bench.py [--only embedding parsing ...] [--root DIR] [--json FILE] [--compare]

Machines differ and are never idle; the ratio of two figures from the same minutes says more than either. `--root` is a
data set in the `folder` layout; without one, pictures are made up. `--compare` shows how the ratios have moved since
the last run that was kept, eval/results/bench.json.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.benchmarks.drawing import bench_drawing
from eval.benchmarks.networks import bench_embedding, bench_parsing
from eval.benchmarks.onnx import bench_onnxruntime
from eval.benchmarks.pictures import make_pictures
from eval.benchmarks.ranking import bench_metrics, bench_ranking, bench_search
from eval.benchmarks.rows import MissingExtra, Row, read_ratios, table, write_json
from eval.benchmarks.starting import bench_memory, bench_start
from eval.benchmarks.training import bench_training
from eval.flags import not_negative, positive
from ifd_zoo.export import ExportError

KEPT = Path(__file__).resolve().parent / 'results' / 'bench.json'
BENCHMARKS: dict[str, Callable[[Path, int], list[Row]]] = {
    'embedding': bench_embedding,
    'onnxruntime': bench_onnxruntime,
    'parsing': bench_parsing,
    'ranking': bench_ranking,
    'metrics': bench_metrics,
    'search': bench_search,
    'start': bench_start,
    'memory': bench_memory,
    'drawing': bench_drawing,
}
"""What measures rows, of pictures and a number of rounds; a new one is one line."""
TRAINING = 'training'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser('eval/bench.py', description='Measure speed against floors.', allow_abbrev=False)
    parser.add_argument('--only', nargs='+', choices=(*BENCHMARKS, TRAINING), help='default: all')
    parser.add_argument('--root', type=Path, help='data set in the folder layout; default: made-up pictures')
    parser.add_argument('--size', default='256x128', help='HEIGHTxWIDTH of the input in training, in pixels')
    parser.add_argument('--workers', type=not_negative, default=2, help='processes that load images in training')
    parser.add_argument('--rounds', type=positive, default=2, help='measurements of each kind; the best counts')
    parser.add_argument('--json', type=Path, help='also write the rows to this file')
    parser.add_argument('--compare', nargs='?', type=Path, const=KEPT, help='file of an earlier run; default: the kept')
    args = parser.parse_args(argv)
    if args.compare and not args.compare.is_file():
        parser.error(f'--compare {args.compare}: no such file; --json makes one')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    height, _, width = args.size.partition('x')
    training = partial(bench_training, size=(int(height), int(width)), workers=args.workers)
    benchmarks = {**BENCHMARKS, TRAINING: lambda root, rounds: training(root, rounds=rounds)}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = args.root or make_pictures(Path(temporary))
        for name, bench in benchmarks.items():
            if not args.only or name in args.only:
                try:
                    rows += bench(root, args.rounds)
                except (ExportError, MissingExtra) as error:
                    print(f'{name}: left out: {error}', file=sys.stderr)
    print(table(rows, read_ratios(args.compare) if args.compare else None))
    if args.json:
        write_json(rows, args.json)
    return 0


if __name__ == '__main__':
    sys.exit(main())
