"""Tables: in Markdown, and as CSV files. A spreadsheet that opens one runs nothing that is in it."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FORMULA = re.compile("'*[=+\\-@\t\r]")
"""Begins what spreadsheets take for a formula, and, so that both can be told apart, that with apostrophes in front."""


def markdown_table(rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown.

    Args:
        rows: of equal length, the head first.
    """
    head, *lines = rows
    return '\n'.join([markdown_row(head), '|' + '---|' * len(head), *map(markdown_row, lines)])


def markdown_row(cells: Iterable[object]) -> str:
    """A line of `markdown_table`."""
    return f'| {" | ".join(map(str, cells))} |'


def write_table(path: Path, heads: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a table in UTF-8.

    Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers, negative ones too, do not.
    """
    with open(path, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([_guard(cell) for cell in row] for row in (heads, *rows))


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a table by `write_table`, each by its heads, as the text that they were."""
    with open(path, newline='', encoding='utf-8') as file:
        return [{key: _unguard(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def _guard(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) and not _is_number(cell) else cell


def _unguard(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()  # '\t1' is a number to Python only
