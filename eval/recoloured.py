"""Who is found in other clothes, measured on photos of which each shows another person.

    python eval/recoloured.py --photos DIR --labels DIR [--ending 1] [--models NAME|FOLDER ...] [--json FILE]

Gallery: a view of every photo. Queries: another view of it, in its own clothes (`same clothes`) and with all clothes
recoloured (`recoloured`). Each view has its own background, outline, crop, size, light and noise
(`eval/photos/photo_views.py`), which `--seed` fixes; those of a query are the same in both kinds. What the models are
told of clothing comes from a parser on the finished view (`--masks`). The same parser cuts the photos out where there
are no `--labels`. Backgrounds come from the photos that are not chosen, if there are any. Of Clothing Co-Parsing
`--ending 1` is for reporting and `--ending 6` for choosing: the bundled parsers were trained on all photos but those
ending in 1.

Prints rank-1, rank-10 and mAP in percent with intervals of 95 % over photos (bootstrap; of rank-1 and mAP), for each
model with each test feature it can give (`--features`), for one of its streams that sees the masked image alone, for a
colour histogram, and for ImageNet features (`--imagenet tf_efficientnet_lite0=FILE`). The figures do not depend on
`--views` but for chance: every query meets galleries of one view of each photo. `--json` also gets the rank of every
query. `--sheet` gets pictures of the views: mind whose they are before you pass it on.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.cli import ArgumentParser, entry_point, not_negative, positive
from ifd_zoo.common.choices import FEATURES


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/recoloured.py', description=__doc__)
    parser.add_argument('--photos', type=Path, required=True, help='folder of photos, each of another person')
    parser.add_argument('--labels', type=Path, help='folder of their label maps, <same path>.png')
    parser.add_argument('--masks', default='bundled', help='parser of the views, and of photos without --labels')
    parser.add_argument('--models', nargs='+', help='names or folders; default: all bundled')
    parser.add_argument('--features', nargs='+', choices=FEATURES, default=list(FEATURES), help='test features')
    parser.add_argument('--imagenet', nargs='+', default=[], metavar='BACKBONE=FILE', help='timm name and its weights')
    parser.add_argument('--select', nargs='+', metavar='NAME', help='only these photos; without suffix')
    parser.add_argument('--ending', choices=list('0123456789'), help='only photos whose number ends so')
    parser.add_argument('--views', type=positive, default=2, help='of each kind, for each photo')
    parser.add_argument('--seed', type=not_negative, default=0, help='of the views')
    parser.add_argument('--json', type=Path, help='file for figures, settings and ranks')
    parser.add_argument('--sheet', type=Path, help='file for a picture of some views, as sheet.png')
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
