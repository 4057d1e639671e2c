"""Where renders do not look like photos: the parser of `eval/realism.py` learns from photos and is tested on renders.

    python eval/likeness.py --rendered data/synthetic --photos data/clothing-co-parsing --output likeness.json

A set is judged in a minute once the parser is kept (`--parser FILE`, written by the first run), and the table tells
which parts of people it takes for something else. It says what is strange to photos and not what teaches well: people
who all look like the commonest of the photos would do best.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.choices import RealismSettings
from eval.flags import positive
from ifd_zoo.cli import ArgumentParser, entry_point


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/likeness.py', description=__doc__)
    parser.add_argument('--rendered', type=Path, required=True, help='folder of rendered people with label maps')
    parser.add_argument('--photos', type=Path, required=True, help='folder in the layout of Clothing Co-Parsing')
    images = RealismSettings.images
    parser.add_argument('--images', type=positive, default=images, help='renders to test on, evenly spread')
    parser.add_argument('--steps', type=positive, default=RealismSettings.steps, help='of the training of the parser')
    parser.add_argument('--seed', type=int, default=RealismSettings.seed, help='decides weights and batches')
    parser.add_argument('--parser', type=Path, help='safetensors file of the parser: read if it is there, else written')
    parser.add_argument('--output', type=Path, help='JSON file for figures and settings')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.likeness_figures import judge, learn, read_parser, save_parser, table
    from eval.realism_data import Photos, list_renders
    from eval.realism_parser import give

    settings = RealismSettings(steps=args.steps, seed=args.seed)
    pairs = list_renders(args.rendered, args.images)
    if args.parser and args.parser.exists():
        net = read_parser(args.parser, settings)
    else:
        net = learn(Photos(args.photos, settings.size), settings)
        if args.parser:
            save_parser(net, args.parser)
    record = {**judge(net, pairs), 'settings': asdict(settings)}
    give(table(record), record, args.output)


if __name__ == '__main__':
    sys.exit(main())
