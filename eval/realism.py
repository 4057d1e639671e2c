"""How realistic a set of renders is: a fixed small parser learns from the renders alone and is tested on real photos.

    python eval/realism.py --rendered data/synthetic --photos data/clothing-co-parsing --output realism.json

`--rendered` holds `{train,query,gallery}/<pid>/<clothes>/*.jpg` and `parsing/<same path>.png`; `--photos` holds
`photos/NNNN.jpg`, `labels/NNNN.png` and `label_names.txt` (Clothing Co-Parsing). Everything but the flags is frozen,
augmentation included (`eval/realism_data.py`): figures of two sets differ by the sets and by chance (`--seed`) alone.

The parser tells apart the groups of labels whose figures are asked for (`GROUPS`). A photo's class stands for one or
more of our labels (`CLOTHING_CO_PARSING` in `ifd_zoo/parsing/sources.py`). For the IoU of a group a class with all its
labels in the group is inside, with none it is outside, and the pixels of any other are left out. `clothing` is upper,
lower, dress, coat, shoes, bag and accessory (scarf, belt, gloves, tie; socks and tights too), not hats; left out are
the photos' accessories, bracelets, necklaces, rings and watches. `skin` is face, arms, legs and neck. `hair` leaves out
accessories, earrings, glasses and sunglasses.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.choices import RealismSettings
from eval.flags import positive, size
from ifd_zoo.cli import ArgumentParser, entry_point


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/realism.py', description=__doc__)
    parser.add_argument('--rendered', type=Path, required=True, help='folder of rendered people with label maps')
    parser.add_argument('--photos', type=Path, required=True, help='folder in the layout of Clothing Co-Parsing')
    parser.add_argument('--images', type=positive, default=RealismSettings.images, help='renders to use, evenly spread')
    parser.add_argument('--steps', type=positive, default=RealismSettings.steps, help='of the training')
    parser.add_argument('--batch-size', type=positive, default=RealismSettings.batch_size, help='renders at once')
    parser.add_argument('--seed', type=int, default=RealismSettings.seed, help='decides weights and batches')
    usual = 'x'.join(map(str, RealismSettings.size))
    parser.add_argument('--size', type=size, default=usual, help="HEIGHTxWIDTH of the parser's input")
    parser.add_argument('--output', type=Path, help='JSON file for figures and settings')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.realism_parser import give, measure, table

    flags = {name: getattr(args, name) for name in ('images', 'steps', 'batch_size', 'seed', 'size')}
    record = measure(args.rendered, args.photos, RealismSettings(**flags))
    give(table(record), record, args.output)


if __name__ == '__main__':
    sys.exit(main())
