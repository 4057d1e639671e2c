"""Retrieval of people in recoloured clothes on photos of different people, for `eval/recoloured.py`."""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

from eval.bootstrap import bootstrap_mean, in_percent
from eval.embeddings.selection import select_pictures
from eval.metrics import Labels, evaluate_embeddings
from eval.parsers.sheet import Case
from eval.photos.photo_views import KINDS, Photos, make_views
from eval.reference_models import ColourHistogram, MaskedStream, imagenet_models
from ifd_zoo.common.choices import FEATURES
from ifd_zoo.datasets import DatasetError
from ifd_zoo.hub import list_bundled, load_model
from ifd_zoo.models.batching import parallel_map
from ifd_zoo.models.features import has_parts, with_feature
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.registry import HumanParser, portable_name
from ifd_zoo.predictor import Predictor

LEAST = 11  # photos; rank-10 is trivial with fewer
CHUNK = 8  # photos
FIGURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'rank1': lambda ranks: ranks <= 1,
    'rank10': lambda ranks: ranks <= 10,
    'mAP': lambda ranks: 1 / ranks,
}
"""Metrics from the ranks of the only right match."""

Embed = Callable[[Sequence[Image.Image], Sequence[np.ndarray]], np.ndarray]
"""Function from views and their label maps to embeddings (N, D) float32 of unit length."""


class Entry(NamedTuple):
    """A row of the table: name and embedding function."""

    name: str
    embed: Embed


def choose_photos(paths: Sequence[Path], names: Sequence[str] | None, ending: str | None) -> list[Path]:
    """Choose photos by name, or all, and by the last digit of their number if given.

    Raises:
        DatasetError: a name is missing or not a number, or there are too few photos.
    """
    chosen = [path for path in paths if not names or path.stem in names]
    if missing := sorted(set(names or ()) - {path.stem for path in chosen}):
        raise DatasetError(f'--select: there is no photo {", ".join(missing)}')
    if ending and (odd := next((path for path in chosen if not path.stem.isdecimal()), None)):
        raise DatasetError(f'{odd}: its name is not a number, as --ending requires')
    chosen = [path for path in chosen if path.stem.endswith(ending or '')]
    if len(chosen) < LEAST:
        raise DatasetError(f'{len(chosen)} photos are chosen, and at least {LEAST} are needed')
    return chosen


def share_backgrounds(chosen: Sequence[Path], rest: Sequence[Path], number: int, seed: int) -> list[list[Path]]:
    """Assign other photos to each chosen photo as backgrounds, cycling through a shuffled pool."""
    pool = list(rest or chosen)
    ring = itertools.cycle(pool[index] for index in np.random.default_rng(seed).permutation(len(pool)))
    return [[next(other for other in ring if other != path) for _ in range(number)] for path in chosen]


def list_entries(args: argparse.Namespace, parser: HumanParser) -> list[Entry]:
    """Load the rows of the table. Raises LoadError if a model is unavailable."""
    models: dict[str, nn.Module] = {}
    for source in args.models or list_bundled():
        model = load_model(source)
        fitting = [name for name in args.features if has_parts(model, FEATURES[name])]
        models |= {f'{source}, {name}': with_feature(model, name) for name in fitting}
        models[f'{source}, masked stream'] = MaskedStream(model)
    models |= imagenet_models(args.imagenet) | {'colour histogram': ColourHistogram(model)}
    predictors = {name: Predictor(model, parser, args.device, precision='fp32') for name, model in models.items()}
    return [Entry(name, predictor.embed) for name, predictor in predictors.items()]


def embed_views(
    photos: Photos, chosen: Sequence[Path], others: Sequence[Sequence[Path]], entries: Sequence[Entry], seed: int
) -> tuple[dict[str, np.ndarray], dict[str, list[Case]]]:
    """Embed all views with every entry, (photos, kinds, views, D); also return one view of each kind per photo."""
    found, shown = {entry.name: [] for entry in entries}, {kind: [] for kind in KINDS}
    for start in tqdm(range(0, len(chosen), CHUNK), desc='photos', unit=' chunks', leave=False):
        part = slice(start, start + CHUNK)
        loaded = photos.load(chosen[part])
        grounds = [photos.load(paths) for paths in others[part]]
        pairs = zip(loaded, grounds, strict=True)
        made = list(parallel_map(lambda pair: make_views(*pair, seed), pairs, torch.device('cpu')))
        views = [view for own in made for kind in KINDS for view in own[kind]]
        maps = photos.parser.parse(views)
        shape = len(loaded), len(KINDS), len(views) // (len(loaded) * len(KINDS))
        for entry in entries:
            found[entry.name].append(entry.embed(views, maps).reshape(*shape, -1))
        for photo, numbers in zip(loaded, np.arange(len(views)).reshape(shape), strict=True):
            for kind, number in zip(KINDS, numbers[:, 0], strict=True):
                shown[kind].append(Case(views[number], maps[number], photo.name))
    return {name: np.concatenate(parts) for name, parts in found.items()}, shown


def rank_answers(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Rank each query view in each gallery of one view per photo; return the match's ranks (photos, views x views).

    Args:
        query, gallery: (photos, views, D).
    """
    pids, ones = np.arange(len(query)), np.ones(len(query), int)
    labels = Labels(pids, ones, ones), Labels(pids, 0 * ones, ones)
    pairs = itertools.product(query.swapaxes(0, 1), gallery.swapaxes(0, 1))
    return np.stack([evaluate_embeddings(*pair, *labels, 'general').first_hit for pair in pairs], axis=1)


def figures(ranks: np.ndarray) -> dict[str, dict[str, float]]:
    """Compute `value`, `low` and `high` of `FIGURES` in percent, from ranks (photos, answers)."""
    photos = np.arange(len(ranks))
    return {name: in_percent(bootstrap_mean(score(ranks).mean(1), photos)) for name, score in FIGURES.items()}


def measure(args: argparse.Namespace) -> tuple[dict, dict[str, list[Case]]]:
    """Run the study; return the record for `--json`, and cases for `--sheet`."""
    started = time.monotonic()
    folder, records, *_ = select_pictures(args.photos)
    paths = [record.path for record in records]
    chosen = choose_photos(paths, args.select, args.ending)
    others = share_backgrounds(chosen, sorted(set(paths) - set(chosen)), 2 * args.views, args.seed)
    labels = args.labels and args.labels.expanduser()
    photos = Photos(folder, labels, load_parser(args.masks, pick_device(args.device)))
    photos.check(chosen, worn=True)
    photos.check(sorted(set(itertools.chain(*others)) - set(chosen)), worn=False)
    entries = list_entries(args, photos.parser)
    embeddings, shown = embed_views(photos, chosen, others, entries, args.seed)
    rows = {}
    for name, found in embeddings.items():
        gallery, *queries = found.swapaxes(0, 1)
        ranks = {kind: rank_answers(query, gallery) for kind, query in zip(KINDS[1:], queries, strict=True)}
        rows[name] = {kind: {**figures(own), 'ranks': own.tolist()} for kind, own in ranks.items()}
    record = {
        'photos': [case.caption for case in shown[KINDS[0]]],
        'labels': 'files' if args.labels else portable_name(args.masks),
        'masks': photos.parser.identify(),
        'views': args.views,
        'seed': args.seed,
        'rows': rows,
        'seconds': round(time.monotonic() - started, 1),
    }
    return record, shown


def table(record: dict) -> str:
    """Format the record as a text table, one line per entry."""
    width = max(map(len, record['rows']))
    kinds = KINDS[:0:-1]
    columns = ''.join(f' | {"rank-1":>16} {"rank-10":>7} {"mAP":>16}' for _ in kinds)
    lines = [' ' * width + ''.join(f' | {kind:<41}' for kind in kinds), ' ' * width + columns]
    for name, row in record['rows'].items():
        rank1, rank10, ap = ([row[kind][figure] for kind in kinds] for figure in FIGURES)
        cells = (f' | {_span(a)} {b["value"]:7.1f} {_span(c)}' for a, b, c in zip(rank1, rank10, ap, strict=True))
        lines.append(f'{name:{width}}{"".join(cells)}')
    end = f'{len(record["photos"])} photos, {record["views"]} views of each kind, seed {record["seed"]}'
    return '\n'.join([*lines, f'{end}, {record["seconds"]} s'])


def _span(figure: dict[str, float]) -> str:
    value, *ends = figure.values()
    return f'{value:5.1f} {"-".join(f"{end:.1f}" for end in ends):>10}'
