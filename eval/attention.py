"""What the identity attention W_I does, and what attention and Grad-CAM lie on.

    python eval/attention.py --model NAME|DIR [--feature FEATURE] --root DIR [--masks bundled] [--json FILE]

The first table has the figures of a model with W_I of eq. 1 as it is, and with another map in its place: the mean of
all images, that of another person's image, and one number for all cells. Intervals are those of `eval/intervals.py`.
The second has the share of W_I, and of Grad-CAM of the similarity between each query and its best right answer in other
clothes, on head (hair, face, hat), skin, clothing and background, and the area of these for comparison; the label maps
that decide it are those of `--masks`. A model without attention stream has no first table.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.cli import ArgumentParser, add_data_flags, add_model_flags, entry_point


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/attention.py', description='What W_I does, and where a model looks.')
    add_model_flags(parser, 'feature')
    add_data_flags(parser, 'masks', 'workers', batch_size=32)
    parser.add_argument('--json', type=Path, help='file for the figures')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.attention_study import study_attention
    from eval.bootstrap import table
    from ifd_zoo.common.files import replacing
    from ifd_zoo.common.tables import markdown_table

    study = study_attention(args)
    if study.replaced:
        print(table(study.replaced), end='\n\n')
    print(markdown_table(study.share_lines()))
    if args.json:
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(study._asdict(), indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
