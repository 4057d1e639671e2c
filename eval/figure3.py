"""Draw Fig. 3 of the paper for three photos: what each model looks at when it compares them, and what it decides.

    python eval/figure3.py --anchor FILE --positive FILE --negative FILE --output FILE.png
    python eval/figure3.py --data folder --root DIR --output FILE.png

The second form looks for a triple on which a baseline fails and IFD succeeds, and says how it was chosen.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from eval.choices import TRIPLE
from eval.flags import add_feature, not_negative, positive
from ifd_zoo.choices import LABEL_MAPS, NO_MASKS
from ifd_zoo.cli import ArgumentParser, entry_point
from ifd_zoo.datasets import DATASETS

MODELS = ('ifd_resnet10t.synthetic', 'ifd_baseline_resnet10t.synthetic')


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/figure3.py', description='Draw Fig. 3 of the paper.')
    for name in TRIPLE:
        parser.add_argument(f'--{name}', type=Path, help=f'photo of the {name}')
    parser.add_argument('--data', default='folder', choices=sorted(DATASETS), help='data set reader')
    parser.add_argument('--root', type=Path, help='folder of a data set to find the three photos in')
    parser.add_argument('--models', nargs='+', default=MODELS, help='one row each: as for eval/run.py')
    parser.add_argument(
        '--masks',
        default='bundled',
        help=f'where clothing masks come from: a parser (bundled, a folder), or {NO_MASKS}; of a data set also '
        f'{LABEL_MAPS}, or a folder of label maps by python -m ifd_zoo.parsing',
    )
    add_feature(parser)
    parser.add_argument('--output', required=True, type=Path, help='PNG file')
    parser.add_argument('--batch-size', type=positive, default=64, help='images at once')
    parser.add_argument('--workers', type=not_negative, default=2, help='processes that load images')
    parser.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    args = parser.parse_args(argv)
    given = [name for name in TRIPLE if getattr(args, name)]
    if given and args.root or not args.root and len(given) < len(TRIPLE):
        parser.error('give --anchor, --positive and --negative, or --root of a data set without them')
    return args


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.figure3_study import draw_figure

    picture, text = draw_figure(args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(args.output, format='PNG')
    print(text)


if __name__ == '__main__':
    sys.exit(main())
