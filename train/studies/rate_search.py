"""Learning rate of each row of a study: the same small search for all, on held-out training people."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from eval.reports.summary import SummaryError, summarise
from ifd_zoo.common.tables import markdown_table

FACTORS = (1.0, 1 / 3, 3.0)
"""Multiples of a row's own rate to try; ties go to the first."""
DIVERGED = 'diverged.json'
"""File in the folder of a run that diverged, with its flags."""


class Trial(NamedTuple):
    """A learning rate that was tried."""

    rate: float
    score: float | None
    """mAP in percent with clothes changed (cc), or else in the first mode; None: the run diverged."""


def candidates(own: float) -> list[float]:
    """Return the rates to try around a row's own, with three digits."""
    return [float(f'{own * factor:.3g}') for factor in FACTORS]


def score(finished: dict[str, Any]) -> float:
    """Return the mAP that rates are chosen by, for a run of `train.studies.records.read_finished`."""
    return next(iter(summarise([finished]).values()))['mAP']['mean']


def choose(row: str, trials: list[Trial]) -> float:
    """Return the best rate.

    Raises:
        SummaryError: all rates diverged.
    """
    good = [trial for trial in trials if trial.score is not None]
    if not good:
        tried = ', '.join(f'{trial.rate:g}' for trial in trials)
        raise SummaryError(f'{row}: diverged at every rate of the search ({tried}); give one with --rates {row}=RATE')
    return max(good, key=lambda trial: trial.score).rate


def note_diverged(folder: Path, flags: dict[str, Any]) -> None:
    """Record that a run with these flags ended without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DIVERGED).write_text(json.dumps(flags, default=str))


def has_diverged(folder: Path, flags: dict[str, Any]) -> bool:
    """Return whether `note_diverged` recorded a run with these flags."""
    path = folder / DIVERGED
    return path.exists() and path.read_text() == json.dumps(flags, default=str)


def search_block(search: dict[str, Any]) -> str:
    """Return the search as a Markdown paragraph and table, to follow the table of a study."""
    lines = [['row', *(f'own rate x {factor:.2g}' for factor in FACTORS), 'chosen']]
    for row in search['rows']:
        scores = {one['rate']: one['score'] for one in row['trials']}
        cells = ['diverged' if value is None else f'{lr:g}: {value:.1f}' for lr, value in scores.items()]
        lines.append([row['label'], *cells, f'{row["chosen"]:g}'])
    text = (
        f'Learning rates were chosen by mAP on {search["people"]} training people held out of the search runs: '
        f'seed {search["seed"]}, {search["epochs"]} epochs, the same multiples of the rate of each row.'
    )
    return f'{text}\n\n{markdown_table(lines)}'
