"""Metadata of each image: a journal while a set is being made, a table in the end."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ifd_zoo.common.files import replacing
from ifd_zoo.common.tables import read_table, write_table

METADATA, JOURNAL = 'metadata.csv', '.journal.jsonl'

FIRST = ('file', 'split', 'pid', 'clothes', 'camera', 'owner', 'view', 'number')
"""Columns of every row; the others follow in alphabetical order."""

Row = dict[str, str]
"""Column name to text; a row is unchanged by writing and reading it."""


def as_text(value: float | int | str) -> str:
    """Format floats with six significant digits, and '' as 'none': an empty cell means that a row lacks the column."""
    return f'{value:.6g}' if isinstance(value, float) else str(value) or 'none'


def read_rows(root: Path) -> dict[str, Row]:
    """Read the rows, by file, from the table and from the journal of a run that was stopped."""
    rows = {}
    if (root / METADATA).is_file():
        table = read_table(root / METADATA)
        rows = {row['file']: {key: text for key, text in row.items() if text != ''} for row in table}
    if (root / JOURNAL).is_file():
        for line in (root / JOURNAL).read_text(encoding='utf-8').splitlines():
            rows |= _journal_rows(line)
    return rows


def _journal_rows(line: str) -> dict[str, Row]:
    try:
        return {row['file']: row for row in json.loads(line)}
    except json.JSONDecodeError:
        return {}  # Cut off when a run was killed: its images are rendered again.


def append_rows(root: Path, rows: Iterable[Row]) -> None:
    # The line break comes first: a line that was cut off must not swallow this one.
    with open(root / JOURNAL, 'a', encoding='utf-8') as file:
        file.write('\n' + json.dumps(list(rows)))


def write_rows(root: Path, rows: Mapping[str, Row]) -> None:
    """Write the table, sorted by file, and delete the journal."""
    columns = (*FIRST, *sorted({key for row in rows.values() for key in row} - set(FIRST)))
    with replacing(root / METADATA) as temporary:
        write_table(temporary, columns, [[rows[name].get(key, '') for key in columns] for name in sorted(rows)])
    (root / JOURNAL).unlink(missing_ok=True)
