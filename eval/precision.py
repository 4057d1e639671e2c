"""Check whether a released model may compute in 16 bits, by comparing its embeddings with those in float32.

    python eval/precision.py --model NAME|DIR --root DIR [--data prcc] [--masks bundled] [--precisions bf16 fp16]

Writes the result into the release's config.json and card, where `--precision auto` looks it up. Every test image is a
query among all others, to resolve rank-1 to a fraction of a point. Prints a line per precision; the exit status is 0.
"""

import argparse
import sys
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.common.choices import SIXTEEN_BITS
from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point
from ifd_zoo.datasets.flags import add_data_flags


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('eval/precision.py', description=__doc__.splitlines()[0])
    add_model_flags(parser)
    add_data_flags(parser, 'masks', 'batch-size', 'workers')
    parser.add_argument('--precisions', nargs='+', default=['bf16'], choices=SIXTEEN_BITS, help='precisions to check')
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
    # Keep the checks of other precisions.
    update_record(folder, precisions=model.release_info.get('precisions', {}) | checks)
    for name, found in checks.items():
        verdict = 'keeps the answer' if keeps_answer(found) else 'does not keep the answer: fp32 is used'
        figures = f'cosine at least {found["min_cosine"]:.6f}, rank-1 {found["rank1_change"]:+.2f} points'
        print(f'{folder.name} {name}: {figures} over {found["queries"]} queries; {verdict}')


if __name__ == '__main__':
    sys.exit(main())
