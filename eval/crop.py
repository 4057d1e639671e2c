"""How well people are found in whole photos, and what cropping to them does to the ranking.

    python eval/crop.py --root DIR [--people 20] [--photos DIR --labels DIR] [--model NAME|DIR] [--parser bundled]

Photos are made of a rendered data set in the `folder` layout, whose label maps cut the people out: one person or two, a
quarter to four fifths as high as the photo, before the blurred background of another picture or before noise; and some
of nobody. The same is done with the people of `--photos`, as those of Clothing Co-Parsing. Printed are the share of
right boxes (intersection over union above 0.5 with the crop of the true box) and how many others there are in a photo;
how many ready-made crops stay as they are; and rank-1 / mAP when clothes change: of the ready-made crops, of the
photos, of the crops that are found in them, and of the true ones. A photo in which nobody is found is found by nobody.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.cli import ArgumentParser, add_flags, add_model_flags, entry_point, not_negative, positive
from ifd_zoo.common.choices import DEFAULT_MODEL


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/crop.py', description=__doc__)
    add_model_flags(parser, 'parser', 'feature', model=DEFAULT_MODEL)
    add_flags(parser, 'root')
    parser.add_argument('--people', type=positive, default=20, help='one query and two gallery images of each')
    parser.add_argument('--photos', type=Path, help='folder of photos of other people')
    parser.add_argument('--labels', type=Path, help='folder of their label maps, <same path>.png')
    parser.add_argument('--ending', choices=list('0123456789'), default='1', help='only photos whose number ends so')
    parser.add_argument('--seed', type=not_negative, default=0, help='of the photos that are made')
    args = parser.parse_args(argv)
    if bool(args.photos) != bool(args.labels):
        parser.error('give --photos and --labels, both or neither')
    return args


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.photos.crop_scenes import measure

    for line in measure(args):
        print(line, flush=True)


if __name__ == '__main__':
    sys.exit(main())
