"""Command that makes label maps for all images of a data set with a parser.

    python -m ifd_zoo.parsing --parser bundled --data prcc --root DIR --output DIR [--ray [ADDRESS]]

Writes one palette PNG per image, at the image's path relative to the data set; `masks.json` with the parser and the
number of images that show no person or no clothing; and `contact_sheet.jpg` to look at. A stopped run can be resumed.
The other commands accept the folder as `--masks`.
"""

import argparse
import sys
from pathlib import Path

from ifd_zoo.common.choices import MAPS_AT_ONCE
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.datasets.flags import add_data_flags


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.parsing', description='Make label maps for a data set.')
    add_flags(parser, 'parser', 'accept-licence', 'device', 'ray')
    add_data_flags(parser, batch_size=MAPS_AT_ONCE)
    parser.add_argument('--output', required=True, type=Path, help='folder for the label maps')
    return parser.parse_args(argv)


@entry_point('stopped; run the same command again to resume')
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from ifd_zoo.parsing.parse_dataset import parse_dataset

    print(parse_dataset(args))


if __name__ == '__main__':
    sys.exit(main())
