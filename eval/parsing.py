"""Measure a human parser against ground-truth label maps.

    python eval/parsing.py --parser bundled --data ccp --root DIR [--output DIR]

`--data ccp`: photos in the layout of Clothing Co-Parsing (`photos/NNNN.jpg`, `labels/NNNN.png`, `label_names.txt`), by
default those whose number ends in 1, which the bundled parser has not seen. `--data folder`: the query and gallery
images of a data set in the `folder` layout, with its label maps.

Prints the intersection over union of each class, their mean, that of clothing and of skin, and the boundary F-score of
clothing (see `eval/parsers/figures.py`), for three views: the whole picture; the crop of the person (the box of the
labelled pixels and 6 % of its height on each side), stretched to the parser's input; and that crop passed through
128x64 pixels. `--output` gets `figures.json`, `figures.md` and `contact_sheet.jpg` with the best, worst and random
persons. The sheet shows the pictures: check their terms before you share it.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point, not_negative

VIEWS = ('picture', 'crop', 'low')


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/parsing.py', description='Measure a human parser.')
    parser.add_argument('--data', required=True, choices=('ccp', 'folder'), help='layout of the pictures')
    add_flags(parser, 'root', 'parser', 'accept-licence', 'device')
    parser.add_argument('--all', action='store_true', help='ccp: all photos, for a parser trained on none of them')
    parser.add_argument('--views', nargs='+', default=VIEWS, choices=VIEWS, help='views to parse')
    parser.add_argument('--limit', type=not_negative, default=0, help='every n-th picture, at least this many; 0: all')
    parser.add_argument('--output', type=Path, help='folder for figures.json, figures.md and contact_sheet.jpg')
    return parser.parse_args(argv)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.parsers.views import run

    print(run(args))


if __name__ == '__main__':
    sys.exit(main())
