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
from ifd_zoo.cli import ArgumentParser, add_data_flags, add_flags, entry_point


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.parsing', description='Make label maps for a data set.')
    add_flags(parser, 'parser', 'accept-licence', 'device')
    add_data_flags(parser, batch_size=MAPS_AT_ONCE)
    parser.add_argument('--output', required=True, type=Path, help='folder for the label maps')
    return parser.parse_args(argv)


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
