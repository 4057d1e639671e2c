"""The learning rate of each row of a study: the same small search for all, on training people that are kept out."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from eval.reports.summary import SummaryError, summarise
from ifd_zoo.common.tables import markdown_table

FACTORS = (1.0, 1 / 3, 3.0)
"""What a row's own rate is multiplied with; of equally good ones the first is taken."""
DIVERGED = 'diverged.json'
"""File in the folder of a run that ended without weights: the flags that it had."""


class Trial(NamedTuple):
    """A rate that was tried."""

    rate: float
    score: float | None
    """mAP in percent with other clothes, or of the first mode where there are none; None: it diverged."""


def candidates(own: float) -> list[float]:
    """The rates that are tried around a row's own, with three digits."""
    return [float(f'{own * factor:.3g}') for factor in FACTORS]


def score(finished: dict[str, Any]) -> float:
    """What rates are chosen by, of a run by `train.studies.records.read_finished`."""
    return next(iter(summarise([finished]).values()))['mAP']['mean']


def choose(row: str, trials: list[Trial]) -> float:
    """The best rate.

    Raises:
        SummaryError: every one diverged.
    """
    good = [trial for trial in trials if trial.score is not None]
    if not good:
        tried = ', '.join(f'{trial.rate:g}' for trial in trials)
        raise SummaryError(f'{row}: diverged at every rate of the search ({tried}); give one with --rates {row}=RATE')
    return max(good, key=lambda trial: trial.score).rate


def note_diverged(folder: Path, flags: dict[str, Any]) -> None:
    """Leave word that a run with these flags ended without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DIVERGED).write_text(json.dumps(flags, default=str))


def has_diverged(folder: Path, flags: dict[str, Any]) -> bool:
    """Whether `note_diverged` was told so of a run with these flags."""
    path = folder / DIVERGED
    return path.exists() and path.read_text() == json.dumps(flags, default=str)


def search_block(search: dict[str, Any]) -> str:
    """The search as a paragraph and a table, to stand below the table of a study."""
    lines = [['row', *(f'own rate x {factor:.2g}' for factor in FACTORS), 'chosen']]
    for row in search['rows']:
        scores = {one['rate']: one['score'] for one in row['trials']}
        cells = ['diverged' if value is None else f'{lr:g}: {value:.1f}' for lr, value in scores.items()]
        lines.append([row['label'], *cells, f'{row["chosen"]:g}'])
    text = (
        f'Learning rates were chosen by mAP on {search["people"]} training people who were kept out of these runs: '
        f'seed {search["seed"]}, {search["epochs"]} epochs, the same multiples of what each row has by itself.'
    )
    return f'{text}\n\n{markdown_table(lines)}'
