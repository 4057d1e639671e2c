"""Query by query comparison of the rows of a study, with each row's own test feature and with common ones."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ifd_zoo.common.choices import FEATURES, NO_MASKS
from train.recipes import VARIANTS
from train.studies.rows import STEPS

KINDS = {
    'own': "with its method's own test feature",
    'pooled': 'with `pooled`',
    'both': 'with `pooled+attention` if it has an attention stream, else with `pooled`',
}
"""Test features by which rows are compared, all of image plus mirror image and of unit length."""


class Row(NamedTuple):
    arm: str
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
    """Measure each release with every test feature, in the precision of its training.

    Results are stored next to the release and read from there the next time.

    Args:
        data: fields of `eval.measure.Setting` shared by all rows.

    Returns:
        Kind of `KINDS` to the answers of every release, see `eval.bootstrap.Answers`.
    """
    from eval.bootstrap import read_answers, write_answers  # imports torch, for which --help should not wait

    measured: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for release in row.releases:
        info = json.loads((release / 'config.json').read_text())['ifd']
        # Named by the recorded hash, so that the results serve where the weights have been deleted.
        weights = info['sha256']['model.safetensors'][:12]
        paths = {kind: release.parent / f'answers-{kind}-{weights}.npz' for kind in KINDS}
        if not all(path.is_file() for path in paths.values()):
            precision = info['training']['precision']
            for kind, found in _answer(release, {**data, 'masks': row.masks, 'precision': precision}).items():
                write_answers(paths[kind], found)
        for kind, path in paths.items():
            measured[kind].append(read_answers(path))
    return measured


def _answer(release: Path, setting: dict[str, Any]) -> dict[str, Any]:
    import torch
    import torch.nn.functional as F

    from eval.bootstrap import answer_protocols
    from eval.measure import Setting, measure_model
    from ifd_zoo.hub import load_model
    from ifd_zoo.models.features import feature_of, has_parts

    model = load_model(release)
    both = next(FEATURES[name] for name in ('pooled+attention', 'pooled') if has_parts(model, FEATURES[name]))
    features = {'own': feature_of(model), 'pooled': FEATURES['pooled'], 'both': both}
    # One pass over the images for all of them.
    parts = dict.fromkeys((name for feature in features.values() for name in feature), 1.0)
    model.release_info = model.release_info | {'feature': parts}
    _, protocols, records, embeddings = measure_model(model, Setting(**setting))
    vectors = dict(zip(parts, torch.from_numpy(embeddings).split(model.num_features, dim=1), strict=True))

    def answers(feature: dict[str, float]) -> Any:
        weighted = [weight * vectors[name] for name, weight in feature.items()]
        return answer_protocols(protocols, records, F.normalize(torch.cat(weighted, dim=1), dim=1).numpy())

    return {kind: answers(feature) for kind, feature in features.items()}


def compare(rows: list[Row], data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Compare rows with every test feature; differences are relative to the first row. `data` as for `measure`.

    Returns:
        Kind of `KINDS` to rows by `eval.bootstrap.paired_rows`; and `steps`, the second row of each pair of `STEPS`
        with its difference to the first one, with the test feature `both`.
    """
    from eval.bootstrap import paired_rows

    measured = [measure(row, data) for row in rows]
    labels = [row.label for row in rows]
    compared = {kind: paired_rows(labels, [one[kind] for one in measured]) for kind in KINDS}
    both = {row.arm: one['both'] for row, one in zip(rows, measured, strict=True)}
    steps = {what: pair for what, pair in STEPS.items() if both.keys() >= {*pair}}
    added = [paired_rows(['', what], [both[arm] for arm in pair])[1::2] for what, pair in steps.items()]
    return compared | {'steps': [row for rows in zip(*added, strict=True) for row in rows]}


def pairs_block(pairs: dict[str, list[dict[str, Any]]]) -> str:
    """Return a Markdown table for each kind of test feature, with 95 % intervals over people and seeds."""
    from eval.bootstrap import table

    about = 'Intervals are 95 % bootstrap intervals over people and seeds; differences are to the first row, per query.'
    tables = [f'Each row {how}:\n\n{table(pairs[kind])}' for kind, how in KINDS.items()]
    if pairs['steps']:
        tables.append(f'What each part adds to the row before it, each row {KINDS["both"]}:\n\n{table(pairs["steps"])}')
    return '\n\n'.join([about, *tables])
