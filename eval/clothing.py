"""Measure how much clothes sway models on photos of different people, and where their attention lies.

    python eval/clothing.py --models MODEL[=FEATURE] ... --photos DIR [--labels DIR] [--ending 1] [--json FILE]

Prints for each model the clothing sensitivity S of `ifd_zoo.recolour` with a 95 % interval over photos: each photo is
recoloured with a fixed set of clothes and compared with all photos. S is a cosine difference; `spread`, the standard
deviation of the similarities between photos, gives the scale of the model. For models with W_I it also prints the share
of W_I on head and skin, clothing and background, and its agreement with the first such model: the correlation over the
positions of a photo, averaged over photos. Photos are cropped to the person.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.rows import add_rows
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/clothing.py', description=__doc__)
    add_rows(parser, '; W_I is compared with that of the first row that has it')
    parser.add_argument('--photos', type=Path, required=True, help='folder of photos, each of another person')
    parser.add_argument('--labels', type=Path, help='folder of their label maps, <same path>.png')
    parser.add_argument('--masks', default='bundled', help='parser of photos without --labels')
    parser.add_argument('--ending', choices=list('0123456789'), help='last digit of the photos to use')
    parser.add_argument('--json', type=Path, help='file for the figures')
    add_flags(parser, 'device')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.photos.clothing import lines, measure
    from ifd_zoo.common.files import replacing
    from ifd_zoo.common.tables import markdown_table

    rows = measure(args)
    print(markdown_table(lines(rows)))
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
