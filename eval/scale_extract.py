"""Mask making and extraction on one and on two processes, measured through `accelerate launch`.

    python eval/scale_extract.py [--root DIR] [--setups 1x1 1x2 2x1] [--tasks masks extract] [--json FILE]

A setup is PROCESSESxTHREADS. Each task is run twice: the second run finds everything done, so that the difference of
both is the work and the second the start. Beside it stands what the machine allows: a loop of convolutions, in as many
processes at once. `--root` is a data set in the `folder` layout; without one, pictures are made up.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.choices import TASKS
from eval.flags import Setup, parse_setup
from ifd_zoo.cli import ArgumentParser, entry_point


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/scale_extract.py', description=__doc__.splitlines()[0])
    parser.add_argument('--root', type=Path, help='data set in the folder layout; default: made-up pictures')
    parser.add_argument('--people', type=int, default=32, help='of the made-up pictures, each with 40 pictures')
    setups = [Setup(1, 1), Setup(1, 2), Setup(2, 1)]
    parser.add_argument('--setups', nargs='+', type=parse_setup, default=setups, help='PROCESSESxTHREADS each')
    parser.add_argument('--tasks', nargs='+', choices=tuple(TASKS), default=[*TASKS], help='what is run')
    parser.add_argument('--seconds', type=float, default=5, help='of each loop of convolutions')
    parser.add_argument('--json', type=Path, help='also write the figures to this file')
    return parser.parse_args(argv)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.benchmarks.pictures import make_pictures
    from eval.scale_index import describe_machine, line
    from eval.scale_launch import measure

    machine, figures = describe_machine(), []
    print('| what | measured | |', '|---|---|---|', sep='\n')
    with tempfile.TemporaryDirectory() as temporary:
        root = args.root or make_pictures(Path(temporary), args.people)
        for figure in measure(root.resolve(), args):
            figures.append(figure)
            print(line(figure), flush=True)
    if args.json:
        values = {'machine': machine, 'figures': [figure._asdict() for figure in figures]}
        args.json.write_text(json.dumps(values, indent=2) + '\n')


if __name__ == '__main__':
    sys.exit(main())
