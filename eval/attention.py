"""Effect of the identity attention W_I, and the image regions that W_I and Grad-CAM highlight.

    python eval/attention.py --model NAME|DIR [--feature FEATURE] --root DIR [--masks bundled] [--json FILE]

The first table compares a model with its own W_I of eq. 1 and with another map in its place: the mean over all images,
the map of another person's image, or one constant. Intervals are those of `eval/intervals.py`. The second table has the
share of W_I, and of Grad-CAM for the similarity between each query and its best right match in other clothes, on head
(hair, face, hat), skin, clothing and background, next to the area of each region. Regions come from the label maps of
`--masks`. A model without an attention stream gets no first table.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point
from ifd_zoo.datasets.flags import add_data_flags


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/attention.py', description='Measure what W_I does, and where a model looks.')
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
