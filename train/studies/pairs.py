"""Query by query comparison of the rows of a study, with each row's own test feature and with a common one."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ifd_zoo.common.choices import NO_MASKS
from train.recipes import VARIANTS

COMMON = 'pooled'
"""The common test feature: the pooled vector before any neck, of image plus mirror image, of unit length."""


class Row(NamedTuple):
    label: str
    releases: tuple[Path, ...]
    """One per seed."""
    masks: str
    """Source of the masks at test time."""


FEATURES = {'own': None, 'common': COMMON}


def masks_at_test(flags: dict[str, Any], maps: Path) -> str:
    """Return the source of the masks with which a run is tested.

    Args:
        flags: config fields of the run.
        maps: folder of the label maps that a parser made for training; if it exists, images are not parsed again.
    """
    if NO_MASKS == flags['masks'] or not VARIANTS[flags['variant']].sees_masks:
        return NO_MASKS
    return str(maps) if maps.is_dir() else flags['masks']


def measure(row: Row, data: dict[str, Any]) -> dict[str, list[Any]]:
    """Measure each release with both test features; results are stored next to it, and read from there the next time.

    Args:
        data: fields of `eval.measure.Setting` shared by all rows.

    Returns:
        `own` and `common`, each with the answers of every release, see `eval.bootstrap.Answers`.
    """
    from eval.bootstrap import answer, read_answers, write_answers
    from eval.measure import Setting  # imports torch, for which --help should not wait
    from ifd_zoo.hub import load_model

    def answers(release: Path, name: str, feature: str | None) -> list[Any]:
        # Named by the recorded hash, so that the results serve where the weights have been deleted.
        weights = json.loads((release / 'config.json').read_text())['ifd']['sha256']['model.safetensors']
        path = release.parent / f'answers-{name}-{weights[:12]}.npz'
        if not path.is_file():
            write_answers(path, answer(load_model(release, feature), Setting(**data, masks=row.masks)))
        return read_answers(path)

    return {name: [answers(one, name, feature) for one in row.releases] for name, feature in FEATURES.items()}


def compare(rows: list[Row], data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Compare rows with both test features; differences are relative to the first row. `data` as for `measure`.

    Returns:
        `own` and `common`, each as returned by `eval.bootstrap.paired_rows`.
    """
    from eval.bootstrap import paired_rows

    measured = [measure(row, data) for row in rows]
    return {name: paired_rows([row.label for row in rows], [one[name] for one in measured]) for name in FEATURES}


def pairs_block(pairs: dict[str, list[dict[str, Any]]]) -> str:
    """Return two Markdown tables with 95 % intervals over people and seeds."""
    from eval.bootstrap import table

    return (
        'Intervals are 95 % bootstrap intervals over people and seeds; differences are to the first row, per query.\n\n'
        f'Each row with its own test feature:\n\n{table(pairs["own"])}\n\n'
        f'All rows with `{COMMON}` of image plus mirror image:\n\n{table(pairs["common"])}'
    )
