"""Evaluation of a human parser on three views of labelled pictures."""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from eval.parsers.figures import clothing_boundary, clothing_iou, confusion, figures, mean_of
from eval.parsers.sheet import Case, draw_cases
from eval.parsing import VIEWS
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing.registry import HumanParser, load_parser, portable_name
from ifd_zoo.parsing.training_sources import (
    Source,
    SourceError,
    read_label_names,
    rendered_pairs,
    split_photos,
    target_lookup,
)

CHUNK = 16
MARGIN = 0.06  # share of the box's height
LOW = (128, 64)
CROP = (256, 128)  # for parsers without a `crop_size`
CASES = 6

Picture = tuple[Image.Image, np.ndarray]
"""RGB image and targets (H, W)."""


def crop_person(picture: Picture) -> Picture:
    """Crop to the box of the labelled pixels, widened by `MARGIN` of its height on each side within the picture."""
    image, targets = picture
    rows, columns = targets.any(1).nonzero()[0], targets.any(0).nonzero()[0]
    if not len(rows):
        return picture
    margin = MARGIN * (rows[-1] + 1 - rows[0])
    top, left = (max(round(edge[0] - margin), 0) for edge in (rows, columns))
    bottom, right = (
        min(round(edge[-1] + 1 + margin), side) for edge, side in zip((rows, columns), targets.shape, strict=True)
    )
    return image.crop((left, top, right, bottom)), targets[top:bottom, left:right]


def stretch(picture: Picture, size: tuple[int, int], through: tuple[int, int] | None = None) -> Picture:
    """Resize a picture to (height, width); the image first to `through`, if given."""
    image, targets = picture
    for height, width in filter(None, (through, size)):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    nearest = Image.fromarray(targets).resize(size[::-1], Image.Resampling.NEAREST)
    return image, np.asarray(nearest)


VIEW_OF: dict[str, Callable[[Picture, tuple[int, int]], Picture]] = dict(
    zip(
        VIEWS,
        (
            lambda picture, size: picture,
            lambda picture, size: stretch(crop_person(picture), size),
            lambda picture, size: stretch(crop_person(picture), size, LOW),
        ),
        strict=True,
    )
)
"""Functions by name that make a view of a picture at the parser's input size."""


class View(NamedTuple):
    """Metrics of one view."""

    figures: dict
    clothing: list[float]
    """Clothing IoU of each picture."""


def measure_view(parser: HumanParser, source: Source, indices: Sequence[int], name: str) -> View:
    size = getattr(parser, 'crop_size', CROP)
    counts, scores, clothing = 0, [], []
    with tqdm(total=len(indices), desc=name, unit=' pictures', leave=False) as bar:
        for start in range(0, len(indices), CHUNK):
            pictures = [VIEW_OF[name](source[index], size) for index in indices[start : start + CHUNK]]
            maps = parser.parse([image for image, _ in pictures])
            for label_map, (_, targets) in zip(maps, pictures, strict=True):
                own = confusion(label_map, targets)
                counts = counts + own
                clothing.append(clothing_iou(own))
                scores.append(clothing_boundary(label_map, targets))
            bar.update(len(pictures))
    return View({**figures(counts), 'boundary': mean_of(scores)}, clothing)


def read_source(args: argparse.Namespace) -> Source:
    """Open the labelled pictures. Raises SourceError if there are none, or one has no label map."""
    root = args.root.expanduser()
    if args.data == 'folder':
        return Source(list(rendered_pairs(root, ['query', 'gallery'])))
    train, held_out = split_photos(root)
    pairs = sorted(train + held_out) if args.all else held_out
    if not pairs:
        raise SourceError(f'{root}: no photo with a number that ends in 1; give --all to measure on the others')
    names = root / 'label_names.txt'
    if not names.is_file():
        raise SourceError(f'{names}: missing; it has lines "index<TAB>name"')
    return Source(pairs, target_lookup(read_label_names(names)))


def draw_sheet(parser: HumanParser, source: Source, indices: Sequence[int], name: str, clothing: list[float]) -> Image:
    """Draw the best and worst pictures of a view, by clothing IoU, and random ones."""
    order, random = np.argsort(clothing, kind='stable'), np.random.default_rng(0).permutation(len(indices))
    size, groups = getattr(parser, 'crop_size', CROP), {}
    for title, places in (('best', order[::-1]), ('worst', order), ('random', random)):
        chosen = places[:CASES]
        pictures = [VIEW_OF[name](source[indices[place]], size)[0] for place in chosen]
        captions = [f'{source.pairs[indices[place]][0].stem}: {clothing[place]:.2f}' for place in chosen]
        groups[f'{title}, clothing IoU below'] = list(map(Case, pictures, parser.parse(pictures), captions))
    return draw_cases(groups)


def markdown_report(report: dict) -> str:
    """Format one table of the main metrics and one of the IoU per class, in percent."""
    views = report['views']
    title = f'`{report["parser"]}` ({report["id"]}) on {report["pictures"]} pictures of `{report["data"]}`'
    head = {'clothing': 'clothing IoU', 'boundary': 'clothing boundary F', 'miou': 'mean IoU', 'skin': 'skin IoU'}
    lines = [['view', *head.values()]]
    lines += [[name, *(_percent(row.get(key)) for key in head)] for name, row in views.items()]
    classes = dict.fromkeys(label for row in views.values() for label in row['classes'])
    tables = [lines, [['IoU', *views], *(_class_row(label, views) for label in classes)]]
    return '\n\n'.join([f'{title}, in percent.', *map(markdown_table, tables)])


def _class_row(label: str, views: dict[str, dict]) -> list[str]:
    return [label, *(_percent(row['classes'].get(label)) for row in views.values())]


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'


def run(args: argparse.Namespace) -> str:
    """Measure the parser and write the results; return the text to print."""
    source = read_source(args)
    parser = load_parser(args.parser, pick_device(args.device), args.accept_licence)
    indices = range(0, len(source), max(1, len(source) // args.limit) if args.limit else 1)
    views = {name: measure_view(parser, source, indices, name) for name in args.views}
    report = {'parser': portable_name(args.parser), 'id': parser.identify(), 'data': args.data}
    report |= {'pictures': len(indices), 'views': {name: view.figures for name, view in views.items()}}
    text = markdown_report(report)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / 'figures.json').write_text(json.dumps(report, indent=2, allow_nan=False) + '\n')
        (args.output / 'figures.md').write_text(text + '\n')
        name = 'crop' if 'crop' in views else args.views[0]
        sheet = draw_sheet(parser, source, indices, name, views[name].clothing)
        sheet.save(args.output / 'contact_sheet.jpg', quality=90)
    return text
