"""Draw Fig. 3 of the paper for three photos: what each model looks at when it compares them, and which it prefers.

    python eval/figure3.py --anchor FILE --positive FILE --negative FILE --output FILE.png
    python eval/figure3.py --data folder --root DIR --output FILE.png

The second form searches for a triple on which a baseline fails and IFD succeeds, and prints how it was chosen.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.choices import DEFAULT_BASELINE, DEFAULT_MODEL
from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.datasets.flags import add_data_flags

TRIPLE = ('anchor', 'positive', 'negative')
MODELS = (DEFAULT_MODEL, DEFAULT_BASELINE)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/figure3.py', description='Draw Fig. 3 of the paper.')
    for name in TRIPLE:
        parser.add_argument(f'--{name}', type=Path, help=f'photo of the {name}')
    add_data_flags(parser, 'batch-size', 'workers', root=None, masks='bundled')
    add_flags(parser, 'feature', 'device')
    parser.add_argument('--models', nargs='+', default=MODELS, help='one row each; as --model of eval/run.py')
    parser.add_argument('--output', required=True, type=Path, help='PNG file')
    args = parser.parse_args(argv)
    given = [name for name in TRIPLE if getattr(args, name)]
    if given and args.root or not args.root and len(given) < len(TRIPLE):
        parser.error('give --anchor, --positive and --negative, or --root of a data set without them')
    return args


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.fig3.study import draw_figure

    picture, text = draw_figure(args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(args.output, format='PNG')
    print(text)


if __name__ == '__main__':
    sys.exit(main())
