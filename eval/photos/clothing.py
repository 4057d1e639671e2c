"""Clothing sensitivity and attention shares of models on photos, for `eval/clothing.py`."""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.bootstrap import bootstrap_mean
from eval.embeddings.selection import select_pictures
from eval.parsers.views import crop_person
from eval.photos.photo_views import Photo, Photos
from eval.photos.recoloured_ranks import choose_photos
from ifd_zoo.datasets import DatasetError
from ifd_zoo.explain.region_shares import mean_evidence
from ifd_zoo.hub import load_model
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing import load_parser
from ifd_zoo.predictor import Predictor
from ifd_zoo.recolour import WARDROBE, clothing_sensitivity

PARTS = ('head and skin', 'clothing', 'background')


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a dict per row of the command line: `row`, `photos`, `S` with `value`, `low` and `high`, `spread`, and for
    models with an attention stream `W_I` (shares) and `agreement`, in [-1, 1].

    Raises:
        DatasetError: photos or their label maps cannot be used.
        LoadError: a model is unavailable.
    """
    folder, records, *_ = select_pictures(args.photos)
    chosen = choose_photos([record.path for record in records], None, args.ending)
    parser = load_parser(args.masks, pick_device(args.device))
    photos = Photos(folder, args.labels and args.labels.expanduser(), parser)
    photos.check(chosen, worn=True)
    people = [cut_to_person(photo) for photo in photos.load(chosen)]
    if bare := [one.name for one in people if not any(change.edit.applies(one.label_map) for change in WARDROBE)]:
        raise DatasetError(f'{args.photos / bare[0]}: its label map shows no clothes that could be changed')
    rows, first = [], None
    for row in args.models:
        if len(row.models) > 1:
            raise DatasetError(f'--models: {row.label} has {len(row.models)} trainings; give one')
        predictor = Predictor(load_model(row.models[0], row.feature), parser, args.device, precision='fp32')
        found, maps = measure_model(predictor, people)
        if maps is not None:
            first = maps if first is None else first
            found['agreement'] = float(np.mean([correlation(*pair) for pair in zip(first, maps, strict=True)]))
        rows.append({'row': row.label, 'photos': len(people), **found})
    return rows


def measure_model(predictor: Predictor, people: Sequence[Photo]) -> tuple[dict[str, Any], list[np.ndarray] | None]:
    """Return S, spread and shares of a model, and W_I (H, W) of each photo if it has an attention stream."""
    images, label_maps = [one.image for one in people], [one.label_map for one in people]
    told = predictor.analyze(images, label_maps)
    gallery = np.stack([one.embedding for one in told])
    moved = [clothing_sensitivity(predictor, one.image, gallery, one.label_map).value for one in people]
    interval = bootstrap_mean(np.array(moved), np.arange(len(people)))
    others = (gallery @ gallery.T)[~np.eye(len(gallery), dtype=bool)]
    found: dict[str, Any] = {'S': interval._asdict(), 'spread': float(others.std())}
    if not predictor.model.gives_attention:
        return found, None
    maps = [one.attention for one in told]
    shares = mean_evidence(maps, label_maps)
    # Label maps of photos may have one class for all skin, the face included.
    merged = {'head and skin': shares['head'] + shares['skin'], **{name: shares[name] for name in PARTS[1:]}}
    return found | {'W_I': merged}, maps


def cut_to_person(photo: Photo) -> Photo:
    """Crop a photo and its label map to the person."""
    image, label_map = crop_person((photo.image, photo.label_map))
    return photo._replace(image=image, label_map=label_map)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation of two maps over their positions; 0 if one of them is constant."""
    if not (np.ptp(first) and np.ptp(second)):
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def lines(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of the table, header first."""
    result = [['model', 'S', 'spread', *(f'W_I on {name}, %' for name in PARTS), 'agreement of W_I']]
    for row in rows:
        shares = row.get('W_I')
        cells = [f'{100 * shares[name]:.1f}' for name in PARTS] if shares else ['-'] * len(PARTS)
        agreement = f'{row["agreement"]:.3f}' if shares else '-'
        result.append([row['row'], '{value:.3f} [{low:.3f}, {high:.3f}]'.format(**row['S']), f'{row["spread"]:.3f}',
                       *cells, agreement])
    return result
