"""Label maps by a parser for all images of a data set.

    python -m ifd_zoo.parsing --parser bundled --data prcc --root DIR --output DIR [--ray [ADDRESS]]

Gives one palette PNG for each image, at the image's path relative to the data set; `masks.json` with what made them and
how many show no person or no clothing; and `contact_sheet.jpg` to look at. A run that was stopped goes on where it was.
The folder is then a value of `--masks` of the other commands.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.cli import ArgumentParser, add_data_flags, add_flags, entry_point
from ifd_zoo.common.choices import MAPS_AT_ONCE


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.parsing', description='Make label maps for a data set.')
    add_flags(parser, 'parser', 'accept-licence', 'device', 'ray')
    add_data_flags(parser, batch_size=MAPS_AT_ONCE)
    parser.add_argument('--output', required=True, type=Path, help='folder for the label maps')
    return parser.parse_args(argv)


@entry_point('stopped; the same command goes on from here')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.parsing.parse_dataset import parse_dataset

    print(parse_dataset(args))


if __name__ == '__main__':
    sys.exit(main())
