"""Measure retrieval of people in recoloured clothes, on photos of different people.

    python eval/recoloured.py --photos DIR --labels DIR [--ending 1] [--models NAME|FOLDER ...] [--json FILE]

Gallery: a view of every photo. Queries: another view of it, in its own clothes (`same clothes`) and with all clothes
recoloured (`recoloured`). Each view has its own background, warp, crop, size, light and noise
(`eval/photos/photo_views.py`), fixed by `--seed`; a query has the same ones in both kinds. Clothing masks come from a
parser on the finished view (`--masks`), which also cuts out the people if there are no `--labels`. Backgrounds come
from the photos that are not chosen, if there are any. With Clothing Co-Parsing, report on `--ending 1` and select
models on `--ending 6`: the bundled parsers were trained on all photos but those ending in 1.

Prints rank-1, rank-10 and mAP in percent, with 95 % bootstrap intervals of rank-1 and mAP over photos, for each model
with each test feature that it has (`--features`), for one of its streams on the masked image alone, for a colour
histogram, and for ImageNet features (`--imagenet tf_efficientnet_lite0=FILE`). The expected metrics do not depend on
`--views`, as every gallery has one view per photo. `--json` also gets the rank of every query. `--sheet` gets pictures
of the views: check the photos' terms before you share it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.reports.rows import add_imagenet
from ifd_zoo.common.choices import FEATURES
from ifd_zoo.common.cli import ArgumentParser, entry_point, not_negative, positive


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/recoloured.py', description=__doc__)
    parser.add_argument('--photos', type=Path, required=True, help='folder of photos, each of another person')
    parser.add_argument('--labels', type=Path, help='folder of their label maps, <same path>.png')
    parser.add_argument('--masks', default='bundled', help='parser of the views, and of photos without --labels')
    parser.add_argument('--models', nargs='+', help='names or folders; default: all bundled')
    parser.add_argument('--features', nargs='+', choices=FEATURES, default=list(FEATURES), help='test features')
    add_imagenet(parser)
    parser.add_argument('--select', nargs='+', metavar='NAME', help='only these photos; without suffix')
    parser.add_argument('--ending', choices=list('0123456789'), help='last digit of the photos to use')
    parser.add_argument('--views', type=positive, default=2, help='views of each kind per photo')
    parser.add_argument('--seed', type=not_negative, default=0, help='seed of the views')
    parser.add_argument('--json', type=Path, help='file for figures, settings and ranks')
    parser.add_argument('--sheet', type=Path, help='image file for a sheet of some views')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.parsers.sheet import COLUMNS, draw_cases
    from eval.photos.recoloured_ranks import measure, table
    from ifd_zoo.common.files import replacing

    record, shown = measure(args)
    print(table(record))
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + '\n')
    if args.sheet:
        draw_cases({kind: cases[: 2 * COLUMNS] for kind, cases in shown.items()}).save(args.sheet)


if __name__ == '__main__':
    sys.exit(main())
