"""Rank the example gallery with the default models and write the result that the page shows before loading a model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ifd_zoo.common.choices import DEFAULT_BASELINE, DEFAULT_MODEL
from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.page', description=__doc__)
    add_model_flags(parser, 'parser', model=DEFAULT_MODEL)
    parser.add_argument('--baseline', default=DEFAULT_BASELINE, help='model to compare with')
    parser.add_argument('--output', type=Path, help='output file (default: the one the page reads)')
    return parser.parse_args(argv)


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    """Write the file and print a summary of it."""
    args = parse_args(argv)
    from ifd_zoo.page.opening.answers import ANSWERS, most_different_query, right_ranks, write_answers
    from ifd_zoo.page.opening.compute import answer

    output = args.output or ANSWERS
    answers = answer(args.model, args.baseline, args.parser, args.device)
    write_answers(answers, output)
    for query, rankings in answers.rankings.items():
        ranks = [', '.join(map(str, right_ranks(query, ranking))) for ranking in rankings]
        print(f'{query}: right at {" | ".join(ranks)}{"  (shown)" if query == most_different_query(answers) else ""}')
    for names in answers.triples:
        print('compared:', *names)
    print(f'wrote {output}')


if __name__ == '__main__':
    sys.exit(main())
