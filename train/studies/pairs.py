"""Query by query comparison of the rows of a study, with each row's own test feature and with a common one."""

from pathlib import Path
from typing import Any, NamedTuple

COMMON = 'pooled'
"""The common test feature: the pooled vector before any neck, of image plus mirror image, of unit length."""


class Row(NamedTuple):
    label: str
    releases: tuple[Path, ...]
    """One per seed."""
    masks: str
    """Source of the masks at test time."""


def compare(rows: list[Row], data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Measure every release with both test features.

    Args:
        rows: differences are relative to the first one.
        data: fields of `eval.measure.Setting` shared by all rows.

    Returns:
        `own` and `common`, each as returned by `eval.bootstrap.paired_rows`.
    """
    from eval.bootstrap import answer, paired_rows
    from eval.measure import Setting  # imports torch, for which --help should not wait
    from ifd_zoo.hub import load_model

    def answers(row: Row, feature: str | None) -> list[Any]:
        setting = Setting(**data, masks=row.masks)
        return [answer(load_model(release, feature), setting) for release in row.releases]

    labels = [row.label for row in rows]
    features = {'own': None, 'common': COMMON}
    return {name: paired_rows(labels, [answers(row, feature) for row in rows]) for name, feature in features.items()}


def pairs_block(pairs: dict[str, list[dict[str, Any]]]) -> str:
    """Return two Markdown tables with 95 % intervals over people and seeds."""
    from eval.bootstrap import table

    return (
        'Intervals are 95 % bootstrap intervals over people and seeds; differences are to the first row, per query.\n\n'
        f'Each row with its own test feature:\n\n{table(pairs["own"])}\n\n'
        f'All rows with `{COMMON}` of image plus mirror image:\n\n{table(pairs["common"])}'
    )
