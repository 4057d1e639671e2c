"""Measure a large index: building, exact and approximate search, and updates.

    python eval/scale.py [--rows 1000000] [--kinds ivf_rq hnsw] [--folder DIR] [--json FILE]

Rows are random people: unit vectors around a random centre per person, with a cosine of 0.7 between two rows of one
person. The unit of search is one matrix product and `topk` by torch, on the same rows as float32 in memory, timed in
turns with the search. Memory is the peak of this process.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.choices import APPROXIMATE
from ifd_zoo.common.cli import ArgumentParser, entry_point, positive

PERSON = 20
"""Rows per person."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/scale.py', description='Measure a large index.')
    parser.add_argument('--rows', type=positive, default=1_000_000, help=f'a multiple of {PERSON}')
    parser.add_argument('--dim', type=positive, default=512, help='length of an embedding')
    parser.add_argument('--kinds', nargs='*', choices=APPROXIMATE, default=[], help='kinds of approximate indexes')
    parser.add_argument('--rounds', type=positive, default=5, help='timings of search and unit; the best one counts')
    parser.add_argument('--folder', type=Path, help='folder for the temporary index; default: that of the system')
    parser.add_argument('--json', type=Path, help='also write the figures to this file')
    args = parser.parse_args(argv)
    if args.rows < 2 * PERSON or args.rows % PERSON:
        parser.error(f'--rows must be a multiple of {PERSON}, at least {2 * PERSON}')
    return args


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.scale_index import cells, describe_machine, measure
    from ifd_zoo.common.files import replacing
    from ifd_zoo.common.tables import markdown_row, markdown_table

    machine = describe_machine()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        print(markdown_table([('what', 'measured', '')]))
        figures = []
        for figure in measure(Path(folder), args):
            figures.append(figure._asdict())
            print(markdown_row(cells(figure)), flush=True)
            if args.json:  # after each figure, as an index may take hours to build
                values = {'rows': args.rows, 'dim': args.dim, 'machine': machine, 'figures': figures}
                with replacing(args.json) as temporary:
                    temporary.write_text(json.dumps(values, indent=2) + '\n')


if __name__ == '__main__':
    sys.exit(main())
