"""Detection of people in photos composed from crops, for `eval/crop.py`."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from PIL import Image

from eval.metrics import evaluate, labels_of
from eval.photos.photo_views import Photo, Photos, backdrop, cut_out
from ifd_zoo.datasets import Record, load_dataset
from ifd_zoo.datasets.base import DatasetError, read_image, read_label_map
from ifd_zoo.images.formats import list_pictures
from ifd_zoo.parsing import people
from ifd_zoo.predictor import Predictor

SIZES = (640, 480), (480, 640)
"""Width and height of the composed photos."""
HEIGHTS = (0.25, 0.8)
"""Minimum and maximum height of a person, as a share of the photo's height."""
RIGHT = 0.5
"""A box is correct above this intersection over union with the true box."""

Finder = Callable[[Sequence[Image.Image]], list[list[people.Box]]]
HEADS = ('| photos | number | people | right in percent | others in a photo |', '|---|---|---|---|---|')


class Scene(NamedTuple):
    image: Image.Image
    boxes: list[people.Box]
    """Tight boxes of the people, without margin."""


class Found(NamedTuple):
    """Counts of found and true boxes."""

    right: int
    people: int
    others: int
    """Boxes without a person, and duplicates."""
    photos: int

    def line(self, name: str) -> str:
        right = f'{100 * self.right / self.people:.0f}' if self.people else '-'
        return f'| {name} | {self.photos} | {self.people} | {right} | {self.others / self.photos:.2f} |'


def measure(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the tables."""
    query, gallery = choose_records(args.root, args.people)
    predictor = Predictor(args.model, args.parser, args.device, precision='fp32', feature=args.feature)
    people.require_pixel_parser(predictor.parser)
    finder, rng = partial(people.find_people, parser=predictor.parser), np.random.default_rng(args.seed)
    crops = [as_photo(record) for record in (*query, *gallery)]
    scenes = [make_scene([crop], other, rng) for crop, other in zip(crops, _others(crops), strict=True)]
    found = finder([scene.image for scene in scenes])
    yield from (*HEADS, count_found(scenes, found).line('rendered, one person'))
    yield from _count_more('rendered', crops[: args.people], finder, rng)
    if args.photos:
        source = Photos(args.photos, args.labels, predictor.parser)
        paths = [path for path in list_pictures(args.photos) if path.stem.endswith(args.ending)][: args.people]
        photos = source.load(paths)
        alone = [make_scene([photo], other, rng) for photo, other in zip(photos, _others(photos), strict=True)]
        yield count_found(alone, finder([one.image for one in alone])).line('of photos, one person')
        yield from _count_more('of photos', photos, finder, rng)
    ready = [crop.image for crop in crops]
    kept = sum(boxes == [(0, 0, *one.size)] for one, boxes in zip(ready, finder(ready), strict=True))
    yield f'\n{kept} of {len(ready)} ready-made crops stay as they are.\n\n| what is ranked | cc |\n|---|---|'
    images = [scene.image for scene in scenes]
    true = [people.crop_box(*scene.boxes, scene.image.size) for scene in scenes]
    shown = {
        'ready-made crops': ready,
        'whole photos': images,
        'photos, cropped': [image.crop(box[0]) if box else None for image, box in zip(images, found, strict=True)],
        'photos, cropped by the true boxes': [image.crop(box) for image, box in zip(images, true, strict=True)],
    }
    yield from (f'| {name} | {rank_cc(predictor, images, query, gallery)} |' for name, images in shown.items())


def _others(photos: Sequence[Photo]) -> Sequence[Photo]:
    """Return another photo for each photo."""
    return [*photos[1:], photos[0]]


def _count_more(name: str, photos: Sequence[Photo], finder: Finder, rng: np.random.Generator) -> Iterator[str]:
    """Yield table lines for photos with two people and with none."""
    for said, shown in (('two people', list(zip(photos, photos[::-1], strict=True))), ('nobody', [()] * len(photos))):
        scenes = [make_scene(some, other, rng) for some, other in zip(shown, _others(photos), strict=True)]
        yield count_found(scenes, finder([scene.image for scene in scenes])).line(f'{name}, {said}')


def make_scene(shown: Sequence[Photo], other: Photo, rng: np.random.Generator) -> Scene:
    """Compose the people of photos side by side, in front of another photo's background or of noise."""
    size = SIZES[rng.integers(len(SIZES))]
    pixels = np.array(backdrop(other, size, rng), np.float32)
    if rng.random() < 0.25:
        pixels = rng.uniform(0, 255, pixels.shape).astype(np.float32)
    boxes, slot = [], size[0] / max(len(shown), 1)
    for place, photo in enumerate(shown):
        person = cut_out(photo)
        rows, columns = ((person[3] > 0.5).any(axis).nonzero()[:, 0] for axis in (1, 0))
        person = person[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        high = min(size[1] * rng.uniform(*HEIGHTS), 0.9 * slot * person.shape[1] / person.shape[2])
        sides = round(high), max(1, round(high * person.shape[2] / person.shape[1]))
        small = F.interpolate(person[None], sides, mode='bilinear', antialias=True)[0].permute(1, 2, 0).numpy()
        left = round(rng.uniform(place * slot, (place + 1) * slot - sides[1]))
        top = round(rng.uniform(0, size[1] - high))
        box = left, top, left + sides[1], top + sides[0]
        under = pixels[top : box[3], left : box[2]]
        under[:] = small[..., :3] + (1 - small[..., 3:]) * under
        boxes.append(box)
    return Scene(Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)), boxes)


def count_found(scenes: Sequence[Scene], found: Sequence[list[people.Box]]) -> Found:
    """Count the correct boxes, comparing each with the crop made from the true box."""
    right = others = 0
    for scene, boxes in zip(scenes, found, strict=True):
        true = [people.crop_box(box, scene.image.size) for box in scene.boxes]
        hits = [any(people.overlap(box, one) > RIGHT for box in boxes) for one in true]
        right, others = right + sum(hits), others + max(0, len(boxes) - sum(hits))
    return Found(right, sum(len(scene.boxes) for scene in scenes), others, len(scenes))


def choose_records(root: Path, number: int) -> tuple[list[Record], list[Record]]:
    """Choose a query and two gallery images, by other cameras and in other clothes, of each of the first test people.

    Raises:
        DatasetError: there are fewer suitable people.
    """
    test = load_dataset('folder', root).protocols[0]
    chosen = []
    for query in {record.pid: record for record in reversed(test.query)}.values():
        fits = [one for one in test.gallery if one.pid == query.pid and one.camid != query.camid]
        fits = [one for one in fits if one.clothes_id != query.clothes_id and one.label_map]
        if query.label_map and len(fits) >= 2:
            chosen.append((query, fits[:2]))
    if len(chosen) < number:
        raise DatasetError(f'{root}: only {len(chosen)} people with label maps and other clothes; give fewer --people')
    chosen = sorted(chosen, key=lambda pair: pair[0].pid)[:number]
    return [query for query, _ in chosen], [one for _, fits in chosen for one in fits]


def as_photo(record: Record) -> Photo:
    image = read_image(record.path)
    return Photo(record.path.stem, image, read_label_map(record.label_map, image.size))


def rank_cc(
    predictor: Predictor, images: Sequence[Image.Image | None], query: list[Record], gallery: list[Record]
) -> str:
    """Return rank-1 / mAP in percent under `cc`.

    Args:
        images: of queries, then of the gallery. None, where nobody was found, is ranked last in the gallery; right
            matches are ranked last for a query that is None.
    """
    there = [place for place, image in enumerate(images) if image is not None]
    embeddings = np.zeros((len(images), 1), np.float32)
    if there:
        rows = predictor.embed([images[place] for place in there])
        embeddings = np.zeros((len(images), rows.shape[1]), np.float32)
        embeddings[there] = rows
    similarity = embeddings[: len(query)] @ embeddings[len(query) :].T
    similarity[:, [image is None for image in images[len(query) :]]] = -1
    for place, record in enumerate(query):
        if images[place] is None:
            similarity[place] = [-(record.pid == other.pid) for other in gallery]
    figures = evaluate(similarity, labels_of(query), labels_of(gallery), 'cc').figures()
    return f'{figures["rank1"]:.1f} / {figures["mAP"]:.1f}'
