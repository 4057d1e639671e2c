"""Resumable extraction of the embeddings of a selection of images into one file."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from eval.embeddings.loop import require_finite
from eval.embeddings.selection import Selection, select_pictures, select_split
from eval.embeddings.store import RowStore, stamp
from ifd_zoo.common.batch_jobs import bar, cluster_at, process_batches
from ifd_zoo.common.choices import NO_MASKS
from ifd_zoo.common.files import replacing
from ifd_zoo.datasets import DatasetError, Record, RecordDataset
from ifd_zoo.datasets.base import UnreadableImage
from ifd_zoo.images.loading import ImageError
from ifd_zoo.models.batching import parallel_map
from ifd_zoo.models.features import feature_of
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing import NoParser
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.parsing.people import crop_people, require_pixel_parser
from ifd_zoo.predictor import Predictor
from ifd_zoo.transforms import EvalTransform

LABELS = ('pid', 'camid', 'clothes_id')


class Part(NamedTuple):
    """Embeddings of a selection, and the images that have none."""

    rows: list[int]
    """Positions of the images with an embedding, ascending."""
    embeddings: np.ndarray
    """(n, D) float32."""
    unreadable: dict[int, str]
    """Maps the position of each other image to the reason."""


class Embedding(NamedTuple):
    """Embeds records: returns an embedding (D,) float32 for each, or the reason why it is skipped."""

    predictor: Predictor
    skip: bool
    crop: bool = False
    """Crop to the largest person; photos without a person are skipped."""

    def __call__(self, records: Sequence[Record]) -> list[np.ndarray | str]:
        results = list(parallel_map(self._load, records, self.predictor.device))
        good = [place for place, loaded in enumerate(results) if not isinstance(loaded, str)]
        images, maps = zip(*(results[place] for place in good), strict=True) if good else ((), ())
        embeddings = self.predictor.embed(images, None if any(one is None for one in maps) else maps)
        require_finite(embeddings, [records[place].path for place in good])
        for place, embedding in zip(good, embeddings, strict=True):
            results[place] = embedding
        return results

    def _load(self, record: Record) -> tuple | str:
        try:
            image, label_map = RecordDataset([record], self.predictor.transform).load(0)
        except UnreadableImage as error:
            if not self.skip:
                raise
            return str(error)
        if self.crop:
            try:
                (image,) = crop_people([image], [str(record.path)], self.predictor.parser)
            except ImageError as error:
                return str(error)
        image.filename = str(record.path)  # as Pillow does; used to find label maps on disk
        return image, label_map


def run(args: argparse.Namespace) -> str:
    """Embed the remaining images and write the file; return the text to print."""
    output = args.output.expanduser()
    if output.is_dir():
        raise DatasetError(f'{output}: is a folder; give the name of a file')
    device = pick_device(args.device)
    source = MaskSource(args.masks, device)
    if args.crop:
        require_pixel_parser(source.parser or NoParser())
    flags = args.batch_size, args.precision, args.feature, args.flip
    predictor = Predictor(args.model, source.parser or NO_MASKS, device, *flags)
    selection = select_pictures(args.images) if args.images else select_split(args.data, args.root, args.split)
    selection = selection._replace(records=_with_ready_maps(selection, source))
    info = _describe(args, predictor, source)
    keys = row_keys(selection, info, predictor.transform)
    info['key'] = hashlib.sha256(''.join(keys).encode()).hexdigest()
    if ready := _finished(output, info['key'], args.on_error):
        return ready
    store = RowStore(output.with_name(f'{output.name}.unfinished'))
    unreadable = _embed(args, predictor, dict(zip(keys, selection.records, strict=True)), store)
    with replacing(output) as temporary:
        text = write_joined(temporary, selection, _join(keys, store, unreadable), info)
    store.remove()
    return f'{output}: {text}'


def _with_ready_maps(selection: Selection, source: MaskSource) -> tuple[Record, ...]:
    if source.parser:
        return tuple(replace(record, label_map=None) for record in selection.records)
    return source.apply(selection.records, selection.root, Path())


def _describe(args: argparse.Namespace, predictor: Predictor, source: MaskSource) -> dict[str, Any]:
    return {
        'model': model_name(predictor.model),
        'weights_sha256': hash_weights(predictor.model),
        'masks': source.name,
        'feature': feature_of(predictor.model),
        'flip': args.flip,
        'precision': predictor.precision,
        'data': None if args.images else args.data,
        'split': None if args.images else args.split,
        **({'crop': True} if args.crop else {}),
    }


def row_keys(selection: Selection, info: dict[str, Any], transform: EvalTransform) -> list[str]:
    """Return for each image a hash of all that decides its embedding: settings, and paths, sizes and times of files."""
    setting = [info, transform.size, transform.mean, transform.std, asdict(transform.masking)]
    base = hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()
    records, root = selection.records, selection.root
    stamps = [[base, r.path.relative_to(root).as_posix(), stamp(r.path), stamp(r.label_map)] for r in records]
    return [hashlib.sha256(json.dumps(one).encode()).hexdigest() for one in stamps]


def _finished(output: Path, key: str, on_error: str) -> str:
    """Return the text to print if the file is complete, else ''; with `stop`, a file that lacks images is not."""
    embeddings, left_out = finished_rows(output, key) or (0, 0)
    if not embeddings or (left_out and on_error == 'stop'):
        return ''
    return f'{output}: already complete with {embeddings} embeddings, {left_out} images left out'


def _embed(
    args: argparse.Namespace, predictor: Predictor, records: dict[str, Record], store: RowStore
) -> dict[str, str]:
    """Add the missing embeddings to the store; return the keys of unreadable images with the reasons."""
    rows, damaged = store.read()
    done = records.keys() & rows
    if done:
        print(f'resuming: {len(done)} of {len(records)} embeddings are already stored', file=sys.stderr)
    if damaged or len(done) < len(rows):
        others = f'{len(rows) - len(done)} embeddings are of other images or settings'
        print(f'{damaged} files are damaged, {others}: recomputing', file=sys.stderr)
    unreadable: dict[str, str] = {}

    def write(found: dict[str, np.ndarray | str]) -> None:
        unreadable.update({key: reason for key, reason in found.items() if isinstance(reason, str)})
        store.write({key: row for key, row in found.items() if key not in unreadable})

    work, cluster = Embedding(predictor, args.on_error == 'skip', args.crop), cluster_at(args.ray, predictor.device)
    with bar(len(records), 'extract', disable=len(done) == len(records)) as tell:
        process_batches(work, records, write, done, args.batch_size, args.group, cluster, tell)
    return unreadable


def _join(keys: Sequence[str], store: RowStore, unreadable: dict[str, str]) -> Part:
    """Collect the stored embeddings of these images, in their order.

    Raises:
        DatasetError: embeddings are missing, or no image could be read.
    """
    found, _ = store.read()
    if missing := sum(key not in found and key not in unreadable for key in keys):
        raise DatasetError(f'{store.folder}: {missing} of {len(keys)} embeddings are missing; run the command again')
    rows = [place for place, key in enumerate(keys) if key in found]
    reasons = {place: unreadable[key] for place, key in enumerate(keys) if key not in found}
    if not rows:
        raise DatasetError(f'none of {len(keys)} images can be read; the first: {reasons[0]}')
    return Part(rows, np.stack([found[keys[row]] for row in rows]), reasons)


def finished_rows(path: Path, key: str) -> tuple[int, int] | None:
    """Return how many images of a file have an embedding and how many do not; None for another file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, 'np') as file:
            metadata = file.metadata() or {}
            if json.loads(metadata['key']) != key:
                return None
            return file.get_slice('embeddings').get_shape()[0], len(json.loads(metadata['unreadable']))
    except (SafetensorError, OSError, ValueError, KeyError):
        return None  # not such a file; it will be replaced


def write_joined(path: Path, selection: Selection, part: Part, info: dict[str, Any]) -> str:
    """Write the file; return the text to print.

    Args:
        info: JSON values for the metadata.
    """
    records = [selection.records[row] for row in part.rows]
    tensors = {'embeddings': part.embeddings}
    if selection.splits:
        for name in LABELS:
            tensors[name] = np.array([getattr(record, name) for record in records], dtype=np.int64)
    relative = [record.path.relative_to(selection.root).as_posix() for record in selection.records]
    values = {
        **info,
        'paths': [relative[row] for row in part.rows],
        'splits': selection.splits and [selection.splits[row] for row in part.rows],
        'unreadable': [{'path': relative[row], 'reason': reason} for row, reason in part.unreadable.items()],
    }
    save_file(tensors, path, {key: json.dumps(value) for key, value in values.items()})
    _sort_metadata(path)
    for reason in part.unreadable.values():
        print(f'left out: {reason}', file=sys.stderr)
    left_out = f'{len(part.unreadable)} of {len(relative)} images cannot be used and are left out'
    number, length = part.embeddings.shape
    return f'{number} embeddings of length {length}; {left_out if part.unreadable else "no image left out"}'


def _sort_metadata(path: Path) -> None:
    """Sort the metadata, which safetensors writes in random order, so that equal content gives equal bytes."""
    with path.open('r+b') as file:
        length = int.from_bytes(file.read(8), 'little')
        header = json.loads(file.read(length))
        header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
        text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode().ljust(length)
        if len(text) != length:
            raise OSError(f'{path}: its header has {length} bytes, expected {len(text)}')
        file.seek(8)
        file.write(text)
