"""Measure how well people are found in whole photos, and how cropping to them changes the ranking.

    python eval/crop.py --root DIR [--people 20] [--photos DIR --labels DIR] [--model NAME|DIR] [--parser bundled]

Photos are composed from a rendered data set in the `folder` layout, whose people are cut out by its label maps: one or
two people, 25 to 80 % as high as the photo, in front of another image's blurred background or of noise; and photos
without people. The same is done with the people of `--photos`, e.g. of Clothing Co-Parsing. Prints the share of people
with a correct box (intersection over union above 0.5 with the crop of the true box) and the other boxes per photo; how
many ready-made crops are left unchanged; and rank-1 / mAP when clothes change: of the ready-made crops, the photos, the
crops found in them and the true crops. A gallery photo without a found person is ranked last.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.common.cli import ArgumentParser, add_flags, add_model_flags, entry_point, not_negative, positive


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/crop.py', description=__doc__)
    add_model_flags(parser, 'parser', 'feature', model=DEFAULT_MODEL)
    add_flags(parser, 'root')
    parser.add_argument('--people', type=positive, default=20, help='people: one query and two gallery images each')
    parser.add_argument('--photos', type=Path, help='folder of photos of other people')
    parser.add_argument('--labels', type=Path, help='folder of their label maps, <same path>.png')
    parser.add_argument('--ending', choices=list('0123456789'), default='1', help='last digit of the photos to use')
    parser.add_argument('--seed', type=not_negative, default=0, help='seed of the composed photos')
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
