"""Where renders do not look like photos: the parser of `eval/realism.py` learns from photos and is tested on renders.

    python eval/likeness.py --rendered data/synthetic --photos data/clothing-co-parsing --output likeness.json

A set is judged in a minute once the parser is kept (`--parser FILE`, written by the first run), and the table tells
which parts of people it takes for something else. It says what is strange to photos and not what teaches well: people
who all look like the commonest of the photos would do best.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from eval.flags import positive
from eval.realism import (
    GROUP_OF,
    GROUPS,
    NAMES,
    OPEN,
    Settings,
    count_pixels,
    give,
    inside_and_outside,
    train_parser,
    weights_of,
)
from eval.realism_data import Pair, Photos, Renders, list_renders
from ifd_zoo.files import replacing
from ifd_zoo.parsing.labels import LABELS
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.sources import TARGETS, SourceError
from ifd_zoo.tensors import describe_unusable


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rendered', type=Path, required=True, help='folder of rendered people with label maps')
    parser.add_argument('--photos', type=Path, required=True, help='folder in the layout of Clothing Co-Parsing')
    parser.add_argument('--images', type=positive, default=Settings.images, help='renders to test on, evenly spread')
    parser.add_argument('--steps', type=positive, default=Settings.steps)
    parser.add_argument('--seed', type=int, default=Settings.seed)
    parser.add_argument('--parser', type=Path, help='safetensors file of the parser: read if it is there, else written')
    parser.add_argument('--output', type=Path, help='JSON file for figures and settings')
    return parser.parse_args(argv)


def groups_of_targets() -> np.ndarray:
    """(targets,) position in `GROUPS` of what a photo's class stands for; `OPEN` where its labels lie in several."""
    result = np.full(len(TARGETS), OPEN)
    for position, group in enumerate(NAMES):
        result[inside_and_outside(group)[0]] = position
    return result


def learn(photos: Photos, settings: Settings) -> ParsingNet:
    """The parser of `eval/realism.py` taught by all photos."""
    group_of, pixels = groups_of_targets(), np.zeros(OPEN + 1)
    for _, targets in photos:
        pixels += np.bincount(group_of[targets.numpy().ravel()], minlength=len(pixels))
    return train_parser(photos, group_of, weights_of(pixels[: len(GROUPS)], settings.balance), settings)


def read_parser(path: Path, settings: Settings) -> ParsingNet:
    """Raises SourceError where the file does not hold the parser's weights."""
    net = ParsingNet(settings.backbone, len(GROUPS), settings.width)
    try:
        weights = load_file(path)
        net.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        raise SourceError(f'{path} does not hold the weights of this parser: {error}') from error
    if fault := describe_unusable(weights.items()):
        raise SourceError(f'{path}: {fault}')
    return net.to('cuda' if torch.cuda.is_available() else 'cpu', memory_format=torch.channels_last).eval()


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


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    settings = Settings(steps=args.steps, seed=args.seed)
    try:
        pairs = list_renders(args.rendered, args.images)
        if args.parser and args.parser.exists():
            net = read_parser(args.parser, settings)
        else:
            net = learn(Photos(args.photos, settings.size), settings)
            if args.parser:
                with replacing(args.parser) as temporary:
                    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, temporary)
        record = {**judge(net, pairs), 'settings': asdict(settings)}
    except SourceError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    give(table(record), record, args.output)
    return 0


if __name__ == '__main__':
    sys.exit(main())
