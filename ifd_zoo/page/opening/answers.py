"""Precomputed results of the default models on the examples, shown before any model is loaded.

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
    """Rank-1 of both models on one data set, in percent and in the order of the models."""

    queries: int
    """Number of queries whose person wears other clothes in the gallery."""
    other_clothes: list[float]
    same_clothes: list[float]


class Answers(NamedTuple):
    models: list[str]
    """Names of IFD and of its baseline."""
    rankings: dict[str, list[list[str]]]
    """Query name -> for each model the gallery file names, best first."""
    test: Test | None
    """Tests of both releases; None unless both were measured on the same data."""
    triples: list[list[str]]
    """File names of anchor, positive and negative for the tab Compare, as picked by `choose_triples`."""


def read_answers(path: Path = ANSWERS) -> Answers:
    """Read a file written by `write_answers`."""
    found = Answers(**json.loads(path.read_text(encoding='utf-8')))
    return found._replace(test=found.test and Test(*found.test))


def write_answers(answers: Answers, path: Path) -> None:
    """Write the answers as JSON with one query per line."""
    parts = {name: json.dumps(value) for name, value in answers._asdict().items()}
    lines = [f'    {json.dumps(query)}: {json.dumps(lists)}' for query, lists in answers.rankings.items()]
    parts['rankings'] = '{\n' + ',\n'.join(lines) + '\n  }'
    text = ',\n'.join(f'  {json.dumps(name)}: {part}' for name, part in parts.items())
    path.write_text(f'{{\n{text}\n}}\n', encoding='utf-8')


def marks(query: str, ranking: Sequence[str]) -> list[Mark]:
    """Mark each gallery name of a ranking as right, wrong or unknown for the query, by the labels in the names."""
    label = read_label(query)
    return [mark(label, read_label(name)) for name in ranking]


def right_ranks(query: str, ranking: Sequence[str]) -> list[int]:
    """Return the 1-based ranks of all correct matches."""
    return [rank for rank, said in enumerate(marks(query, ranking), 1) if said == Mark.RIGHT]


def average_precision(ranks: Sequence[int]) -> float:
    """Compute the AP of a ranking, in [0, 1], from the 1-based ranks of its correct matches."""
    return sum(count / rank for count, rank in enumerate(ranks, 1)) / max(len(ranks), 1)


def most_different_query(answers: Answers) -> str:
    """Return the query on which the first model's average precision exceeds the second's the most."""
    def lead(query: str) -> float:
        first, second = (average_precision(right_ranks(query, one)) for one in answers.rankings[query])
        return first - second

    return max(answers.rankings, key=lead)


def example_triples() -> list[list[Path]]:
    """Return the paths of anchor, positive and negative for each example of the tab Compare."""
    folders = ('query', 'gallery', 'gallery')
    return [
        [EXAMPLES / folder / name for folder, name in zip(folders, names, strict=True)]
        for names in read_answers().triples
    ]
