"""Tables in Markdown and CSV. Cells are escaped so that no spreadsheet runs them as formulas."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FORMULA = re.compile("'*[=+\\-@\t\r]")
"""Start of text that spreadsheets take for a formula, also after apostrophes, so that escaping can be undone."""


def markdown_table(rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown.

    Args:
        rows: of equal length, the header first.
    """
    head, *lines = rows
    return '\n'.join([markdown_row(head), '|' + '---|' * len(head), *map(markdown_row, lines)])


def markdown_row(cells: Iterable[object]) -> str:
    """Return one row of a Markdown table."""
    return f'| {" | ".join(map(str, cells))} |'


def write_table(path: Path, heads: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV table in UTF-8.

    Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers, also negative ones, do not.
    """
    with open(path, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([_guard(cell) for cell in row] for row in (heads, *rows))


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table written by `write_table`: a dict per row, from headers to the original text."""
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
    return text == text.strip()  # only Python takes '\t1' for a number
