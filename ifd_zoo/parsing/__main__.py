"""Label maps by a parser for all images of a data set.

    python -m ifd_zoo.parsing --parser bundled --data prcc --root DIR --output DIR

Gives one palette PNG for each image, at the image's path relative to the data set; `masks.json` with what made them and
how many show no person or no clothing; and `contact_sheet.jpg` to look at. A run that was stopped goes on where it was.
Several processes, on one machine or on several that share the folders, make the same files as one:
`torchrun --nproc-per-node 2 -m ifd_zoo.parsing ...`, or `accelerate launch --multi_gpu --num_processes 2 -m
ifd_zoo.parsing ...`, on machines without GPUs, too.
The folder is then a value of `--masks` of the other commands.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.choices import MAPS_AT_ONCE
from ifd_zoo.cli import ArgumentParser, entry_point
from ifd_zoo.datasets import DATASETS


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.parsing', description='Make label maps for a data set.')
    parser.add_argument('--parser', default='bundled', help='name of a parser, name:PATH, folder, or hf-hub:org/name')
    parser.add_argument('--accept-licence', action='store_true', help="accept the parser's own terms, if it has any")
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', required=True, type=Path, help='folder of the data set')
    parser.add_argument('--output', required=True, type=Path, help='folder for the label maps')
    parser.add_argument('--batch-size', type=int, default=MAPS_AT_ONCE, help='images that are parsed together')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    args = parser.parse_args(argv)
    if args.batch_size < 1:
        parser.error('--batch-size must be at least 1')
    return args


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.parsing.making import parse_dataset
    from ifd_zoo.processes import process_group

    with process_group() as group:
        text = parse_dataset(args, group)
    if text:
        print(text)


if __name__ == '__main__':
    sys.exit(main())
