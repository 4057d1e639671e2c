"""A parser that has learnt from photos, and what it takes renders for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from eval.choices import RealismSettings
from eval.realism_data import Pair, Photos, Renders
from eval.realism_parser import (
    GROUP_OF,
    GROUPS,
    NAMES,
    OPEN,
    count_pixels,
    inside_and_outside,
    train_parser,
    weights_of,
)
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.sources import TARGETS, SourceError


def groups_of_targets() -> np.ndarray:
    """(targets,) position in `GROUPS` of what a photo's class stands for; `OPEN` where its labels lie in several."""
    result = np.full(len(TARGETS), OPEN)
    for position, group in enumerate(NAMES):
        result[inside_and_outside(group)[0]] = position
    return result


def learn(photos: Photos, settings: RealismSettings) -> ParsingNet:
    """The parser of `eval/realism.py` taught by all photos."""
    group_of, pixels = groups_of_targets(), np.zeros(OPEN + 1)
    for _, targets in photos:
        pixels += np.bincount(group_of[targets.numpy().ravel()], minlength=len(pixels))
    return train_parser(photos, group_of, weights_of(pixels[: len(GROUPS)], settings.balance), settings)


def read_parser(path: Path, settings: RealismSettings) -> ParsingNet:
    """Raises SourceError where the file does not hold the parser's weights."""
    net = ParsingNet(settings.backbone, len(GROUPS), settings.width)
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise SourceError(f'{path} does not hold the weights of this parser: {error}') from error
    return net.to('cuda' if torch.cuda.is_available() else 'cpu', memory_format=torch.channels_last).eval()


def save_parser(net: ParsingNet, path: Path) -> None:
    """What `read_parser` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, path)


def judge(net: ParsingNet, pairs: Sequence[Pair]) -> dict:
    """Figures of a set.

    Returns:
        `iou`: of each group; `parsed_as`: for each label the shares of its pixels in each group; `taken_for`: for each
        group and label how many pixels of the label were taken for the group, as a share of the group's own; only
        labels outside the group, shares of at least 0.01, groups that are there; `rendered`: number of renders.
    """
    counts = count_pixels(net, Renders(pairs), len(LABELS)).astype(float)
    iou, taken_for = {}, {}
    for position, group in enumerate(NAMES):
        own, found = GROUP_OF == position, counts[:, position]
        size = counts[own].sum()
        iou[group] = round(found[own].sum() / max(size + found[~own].sum(), 1), 4)
        strangers = {LABELS[label]: round(found[label] / size, 4) for label in np.flatnonzero(~own) if size}
        taken_for[group] = {label: share for label, share in strangers.items() if share >= 0.01}
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    parsed_as = {
        label: {group: round(share, 4) for group, share in zip(NAMES, row, strict=True)}
        for label, row in zip(LABELS, shares.tolist(), strict=True)
    }
    return {'iou': iou, 'parsed_as': parsed_as, 'taken_for': taken_for, 'rendered': len(pairs)}


def table(record: dict) -> str:
    """A line for each group with its IoU and what was taken for it, then one for each label."""
    lines = ['group       IoU     taken for it, of its own size']
    for group, iou in record['iou'].items():
        taken = ', '.join(f'{label} {share:.3f}' for label, share in record['taken_for'][group].items())
        lines.append(f'{group:10}  {iou:.4f}  {taken or "-"}')
    lines.append(f'{"label":10}  parsed as ' + ' '.join(f'{name:>10}' for name in NAMES))
    for label, row in record['parsed_as'].items():
        lines.append(f'{label:10}            ' + ' '.join(f'{share:10.3f}' for share in row.values()))
    return '\n'.join([*lines, f'{record["rendered"]} renders'])
