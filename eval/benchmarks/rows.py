"""Interleaved timing, rows of the benchmark and their table."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.tables import markdown_table


class MissingExtra(ZooError, RuntimeError):
    """A benchmark needs something that is not installed; the message says how to install it."""


class Row(NamedTuple):
    name: str
    ours: float
    floor: float
    unit: str
    """Unit of both; for seconds lower is better, for everything else higher."""
    note: str = ''

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


def best_seconds(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the best time of each function, after a warm-up; they run in turns, so that all see the same load."""
    best = dict.fromkeys(functions, float('inf'))
    for number in range(rounds + 1):
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            taken = time.perf_counter() - begin
            if number:
                best[name] = min(best[name], taken)
    return best


def table(rows: list[Row], before: Mapping[str, float] | None = None) -> str:
    """Format rows as a Markdown table.

    Args:
        before: ratios of an earlier run by `key`; adds a column with the change.
    """
    lines = [['what', 'ours', 'floor', 'unit', 'ours / floor', *(['before'] if before is not None else []), '']]
    for row in rows:
        digits = 3 if row.unit == 'seconds' else 1
        cells = [row.name, f'{row.ours:.{digits}f}', f'{row.floor:.{digits}f}', row.unit, f'{row.ratio:.2f}']
        if before is not None:
            cells.append(_change(row.ratio, before.get(key(row))))
        lines.append([*cells, row.note])
    return markdown_table(lines)


def key(row: Row) -> str:
    """Return an identifier of a row that is the same in all runs."""
    return f'{row.name}; {row.note.partition(";")[0]}'


def _change(ratio: float, before: float | None) -> str:
    return 'new' if before is None else f'{before:.2f} ({100 * (ratio / before - 1):+.0f} %)'


def write_json(rows: list[Row], path: Path) -> None:
    path.write_text(json.dumps([{**row._asdict(), 'ratio': row.ratio} for row in rows], indent=2) + '\n')


def read_ratios(path: Path) -> dict[str, float]:
    """Read ratios by `key` from a file of `write_json`."""
    rows = [Row(**{name: one[name] for name in Row._fields}) for one in json.loads(path.read_text())]
    return {key(row): row.ratio for row in rows}
