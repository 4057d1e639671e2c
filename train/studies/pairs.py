"""Rows of a study compared query by query: each with the test feature of its own, and all with one rule."""

from pathlib import Path
from typing import Any, NamedTuple

COMMON = 'pooled'
"""The one rule: the pooled vector before any neck, image plus mirror image, of unit length."""


class Row(NamedTuple):
    label: str
    releases: tuple[Path, ...]
    """One for each seed."""
    masks: str
    """Source of masks for the test."""


def compare(rows: list[Row], data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Measure every release with both test features.

    Args:
        rows: differences are to the first one.
        data: fields of `eval.measure.Setting` that all share.

    Returns:
        `own` and `common`, each as of `eval.bootstrap.paired_rows`.
    """
    from eval.bootstrap import answer, paired_rows
    from eval.measure import Setting  # imports torch, which a command line's help need not wait for
    from ifd_zoo.hub import load_model

    def answers(row: Row, feature: str | None) -> list[Any]:
        setting = Setting(**data, masks=row.masks)
        return [answer(load_model(release, feature), setting) for release in row.releases]

    labels = [row.label for row in rows]
    features = {'own': None, 'common': COMMON}
    return {name: paired_rows(labels, [answers(row, feature) for row in rows]) for name, feature in features.items()}


def pairs_block(pairs: dict[str, list[dict[str, Any]]]) -> str:
    """Two tables with intervals of 95 % over people and seeds."""
    from eval.bootstrap import table

    return (
        'Intervals are of 95 %, people and seeds drawn anew; differences are to the first row, query by query.\n\n'
        f'Each with the test feature of its own:\n\n{table(pairs["own"])}\n\n'
        f'All with the same, `{COMMON}` of image plus mirror image:\n\n{table(pairs["common"])}'
    )
