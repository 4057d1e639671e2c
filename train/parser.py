"""Train a human parser on rendered people and, if given, photos with label maps.

    python train/parser.py --rendered data/synthetic --photos data/clothing-co-parsing --output runs/parser

`--rendered` holds `{train,query,gallery}/<pid>/<clothes>/*.jpg` and `parsing/<same path>.png`; `--photos` holds
`photos/NNNN.jpg`, `labels/NNNN.png` and `label_names.txt` (Clothing Co-Parsing). `--output` gets a release, for
`load_parser('runs/parser')` and `python -m ifd_zoo.hub push`. An interrupted run goes on with `--resume`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # replaced: train/ must not shadow other packages


from ifd_zoo.cli import entry_point
from train.parser_config import parse_args


@entry_point('stopped; the same command with --resume goes on from the last checkpoint')
def main(argv: Sequence[str] | None = None) -> None:
    config = parse_args(argv, __doc__)
    from train.parser_training import run

    run(config)


if __name__ == '__main__':
    sys.exit(main())
