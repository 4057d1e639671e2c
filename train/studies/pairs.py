"""Query by query comparison of the rows of a study, with each row's own test feature and with a common one."""

import json
from collections.abc import Iterable
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
    """Measure each release with both test features, in the precision of its training.

    Results are stored next to the release and read from there the next time.

    Args:
        data: fields of `eval.measure.Setting` shared by all rows.

    Returns:
        `own` and `common`, each with the answers of every release, see `eval.bootstrap.Answers`.
    """
    from eval.bootstrap import read_answers, write_answers  # imports torch, for which --help should not wait

    measured: dict[str, list[Any]] = {'own': [], 'common': []}
    for release in row.releases:
        info = json.loads((release / 'config.json').read_text())['ifd']
        # Named by the recorded hash, so that the results serve where the weights have been deleted.
        weights = info['sha256']['model.safetensors'][:12]
        paths = {name: release.parent / f'answers-{name}-{weights}.npz' for name in measured}
        if not all(path.is_file() for path in paths.values()):
            precision = info['training']['precision']
            for name, found in _answer(release, {**data, 'masks': row.masks, 'precision': precision}).items():
                write_answers(paths[name], found)
        for name, path in paths.items():
            measured[name].append(read_answers(path))
    return measured


def _answer(release: Path, setting: dict[str, Any]) -> dict[str, Any]:
    import torch
    import torch.nn.functional as F

    from eval.bootstrap import answer_protocols
    from eval.measure import Setting, measure_model
    from ifd_zoo.hub import load_model
    from ifd_zoo.models.features import feature_of

    model = load_model(release)
    own = feature_of(model)
    # One pass over the images for both.
    model.release_info = model.release_info | {'feature': own | {COMMON: own.get(COMMON, 1.0)}}
    _, protocols, records, embeddings = measure_model(model, Setting(**setting))
    vectors = torch.from_numpy(embeddings).split(model.num_features, dim=1)
    parts = dict(zip(feature_of(model), vectors, strict=True))

    def answers(names: Iterable[str]) -> Any:
        vectors = torch.cat([parts[name] for name in names], dim=1)
        return answer_protocols(protocols, records, F.normalize(vectors, dim=1).numpy())

    return {'own': answers(own), 'common': answers([COMMON])}


def compare(rows: list[Row], data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Compare rows with both test features; differences are relative to the first row. `data` as for `measure`.

    Returns:
        `own` and `common`, each as returned by `eval.bootstrap.paired_rows`.
    """
    from eval.bootstrap import paired_rows

    measured = [measure(row, data) for row in rows]
    labels = [row.label for row in rows]
    return {name: paired_rows(labels, [one[name] for one in measured]) for name in ('own', 'common')}


def pairs_block(pairs: dict[str, list[dict[str, Any]]]) -> str:
    """Return two Markdown tables with 95 % intervals over people and seeds."""
    from eval.bootstrap import table

    return (
        'Intervals are 95 % bootstrap intervals over people and seeds; differences are to the first row, per query.\n\n'
        f'Each row with its own test feature:\n\n{table(pairs["own"])}\n\n'
        f'All rows with `{COMMON}` of image plus mirror image:\n\n{table(pairs["common"])}'
    )
