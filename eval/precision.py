"""Whether a released model may compute in 16 bits: its embeddings are compared with those in float32.

    python eval/precision.py --model NAME|DIR --root DIR [--data prcc] [--masks bundled] [--precisions bf16 fp16]

Writes what it finds into the release's config.json and card; `--precision auto` goes by it. Every test image asks for
all others, so that rank-1 can be told to a fraction of a point. Prints one line for each precision and ends with 0.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.cli import ArgumentParser, add_data_flags, add_model_flags, entry_point
from ifd_zoo.common.choices import SIXTEEN_BITS


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/precision.py', description=__doc__.splitlines()[0])
    add_model_flags(parser)
    add_data_flags(parser, 'masks', 'batch-size', 'workers')
    parser.add_argument('--precisions', nargs='+', default=['bf16'], choices=SIXTEEN_BITS, help='to be checked')
    return parser.parse_args(argv)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from eval.measure import check_precisions
    from ifd_zoo.hub import load_model
    from ifd_zoo.hub.release import find_record, update_record
    from ifd_zoo.models.inference import keeps_answer

    folder = find_record(args.model)
    model = load_model(args.model)
    checks = check_precisions(model, args)
    # Those of other precisions stay.
    update_record(folder, precisions=model.release_info.get('precisions', {}) | checks)
    for name, found in checks.items():
        verdict = 'keeps the answer' if keeps_answer(found) else 'does not keep the answer: fp32 is used'
        figures = f'cosine at least {found["min_cosine"]:.6f}, rank-1 {found["rank1_change"]:+.2f} points'
        print(f'{folder.name} {name}: {figures} over {found["queries"]} queries; {verdict}')


if __name__ == '__main__':
    sys.exit(main())
