"""What the default models answer on the examples: computed once, and shown before any model is loaded.

`python -m ifd_zoo.page` writes the file; the page and its tests read it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.uploads import Mark, mark, read_label

ANSWERS = EXAMPLES / 'answers.json'


class Test(NamedTuple):
    """Figures that both models reached on one test."""

    queries: int
    rank1: list[float]
    """Percent, in the order of the models."""


class Answers(NamedTuple):
    models: list[str]
    """Names of IFD and of its baseline."""
    rankings: dict[str, list[list[str]]]
    """Name of a query -> for each model the names of the gallery's photos, best first."""
    test: Test | None
    """Clothing-changing test of both releases; None where they were measured on different data."""
    triples: list[list[str]]
    """Names of anchor, positive and negative for Compare, as `choose_triples` picks them."""


def read_answers(path: Path = ANSWERS) -> Answers:
    """Read what `write_answers` wrote."""
    found = Answers(**json.loads(path.read_text(encoding='utf-8')))
    return found._replace(test=found.test and Test(*found.test))


def write_answers(answers: Answers, path: Path) -> None:
    """Write the answers as JSON, a ranking a line."""
    parts = {name: json.dumps(value) for name, value in answers._asdict().items()}
    lines = [f'    {json.dumps(query)}: {json.dumps(lists)}' for query, lists in answers.rankings.items()]
    parts['rankings'] = '{\n' + ',\n'.join(lines) + '\n  }'
    text = ',\n'.join(f'  {json.dumps(name)}: {part}' for name, part in parts.items())
    path.write_text(f'{{\n{text}\n}}\n', encoding='utf-8')


def marks(query: str, ranking: Sequence[str]) -> list[Mark]:
    """Whether each photo of a ranking shows the person of the query, by their names."""
    label = read_label(query)
    return [mark(label, read_label(name)) for name in ranking]


def right_ranks(query: str, ranking: Sequence[str]) -> list[int]:
    """Ranks of all right answers, from 1."""
    return [rank for rank, said in enumerate(marks(query, ranking), 1) if said == Mark.RIGHT]


def average_precision(ranks: Sequence[int]) -> float:
    """AP of a ranking, in [0, 1], by the ranks of its right answers."""
    return sum(count / rank for count, rank in enumerate(ranks, 1)) / max(len(ranks), 1)


def telling_query(answers: Answers) -> str:
    """The query on which the first model is ahead of the second by most average precision."""
    def lead(query: str) -> float:
        first, second = (average_precision(right_ranks(query, one)) for one in answers.rankings[query])
        return first - second

    return max(answers.rankings, key=lead)


def example_triples() -> list[list[Path]]:
    """Photos of anchor, positive and negative of each example of Compare."""
    folders = ('query', 'gallery', 'gallery')
    return [
        [EXAMPLES / folder / name for folder, name in zip(folders, names, strict=True)]
        for names in read_answers().triples
    ]
