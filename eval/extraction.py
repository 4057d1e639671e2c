"""Embeddings in parts that survive a stop, shared out among processes."""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import nn
from tqdm import tqdm

from eval.embedding import Embedded, embed_batches, split_rows
from eval.selection import Selection, select_pictures, select_split
from eval.shards import Part, Shard, plan_shards, read_parts, stamp
from ifd_zoo.datasets import DatasetError, Record, RecordDataset
from ifd_zoo.datasets.base import UnreadableImage
from ifd_zoo.files import replacing
from ifd_zoo.hub import eval_transform, load_model
from ifd_zoo.models.features import feature_of
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.models.inference import choose_precision, precision
from ifd_zoo.parsing.cache import MapFolder
from ifd_zoo.parsing.mask_source import MaskSource
from ifd_zoo.processes import Processes, is_main

LABELS = ('pid', 'camid', 'clothes_id')


def run(args: argparse.Namespace, group: Processes) -> str:
    """Embed this process's share, and in the main process write the file; returns what to print."""
    output = args.output.expanduser()
    if output.is_dir():
        raise DatasetError(f'{output}: is a folder; give the name of a file')
    device = group.pick_device(args.device)
    model = load_model(args.model, args.feature).eval().to(device)
    args.precision = choose_precision(model, device, args.precision)
    source = MaskSource(args.masks, device)
    selection = select_pictures(args.images) if args.images else select_split(args.data, args.root, args.split)
    selection = selection._replace(records=_with_ready_maps(selection, source))
    info = {
        'model': model_name(model),
        'weights_sha256': hash_weights(model),
        'masks': source.name,
        'feature': feature_of(model),
        'flip': args.flip,
        'precision': args.precision,
        'data': None if args.images else args.data,
        'split': None if args.images else args.split,
    }
    transform = eval_transform(model)
    setting = {**info, 'transform': [transform.size, transform.mean, transform.std, asdict(transform.masking)]}
    folder = output.with_name(output.name + '.parts')
    shards = plan_shards(folder, selection.records, selection.root, setting, args.shard_size)
    key = joined_key(shards)
    if ready := _finished(output, key, args.on_error):
        group.wait()
        return ready if group.is_main else ''
    missing = _unfinished(group.share(shards), args.on_error)
    if source.parser:
        # Hidden: a folder of pictures may be where the output goes too, and label maps are none of its pictures.
        maps = MapFolder(source.parser, selection.root, folder / '.maps')
        selection = selection._replace(records=_with_parsed_maps(selection.records, maps, missing, args))
    with precision(device, args.precision):
        _embed_shards(model, RecordDataset(selection.records, transform), missing, args)
    group.wait()
    if not group.is_main:
        return ''
    parts = read_parts(shards)
    with replacing(output) as temporary:
        text = write_joined(temporary, selection, parts, info | {'key': key})
    shutil.rmtree(folder)
    return f'{output}: {text}'


def _finished(output: Path, key: str, on_error: str) -> str:
    """What to print when there is nothing to do; without the choice to skip, no file that lacks an image is enough."""
    embeddings, left_out = finished_rows(output, key) or (0, 0)
    if not embeddings or (left_out and on_error == 'stop'):
        return ''
    return f'{output}: there already with {embeddings} embeddings, {left_out} images left out'


def _with_ready_maps(selection: Selection, source: MaskSource) -> tuple[Record, ...]:
    if source.parser:
        return tuple(replace(record, label_map=None) for record in selection.records)
    return source.apply(selection.records, selection.root, Path())


def _unfinished(shards: Sequence[Shard], on_error: str) -> list[Shard]:
    """Those still to be made; without the choice to skip also those that lack an image, so that it is named again."""
    parts = [shard.read() for shard in shards]
    missing = [
        shard
        for shard, part in zip(shards, parts, strict=True)
        if part is None or (part.unreadable and on_error == 'stop')
    ]
    unusable = sum(part is None and shard.path.exists() for shard, part in zip(shards, parts, strict=True))
    if is_main() and len(missing) < len(shards):
        print(f'going on: {len(shards) - len(missing)} of {len(shards)} parts are there already', file=sys.stderr)
    if is_main() and unusable:
        print(f'{unusable} parts are torn, or of other images or settings: made again', file=sys.stderr)
    return missing


def _with_parsed_maps(
    records: Sequence[Record], maps: MapFolder, shards: Sequence[Shard], args: argparse.Namespace
) -> tuple[Record, ...]:
    """All records, those of the shards with label maps."""
    records = list(records)
    batches = [rows for shard in shards for rows in split_rows(range(shard.start, shard.stop), args.batch_size)]
    for row in chain.from_iterable(batches):
        # Named by content, not by path: a folder may hold a.jpg and a.png, and a file may change between two runs.
        relative = records[row].path.relative_to(maps.root).as_posix()
        name = hashlib.sha256(json.dumps([maps.parser_id, relative, stamp(records[row].path)]).encode()).hexdigest()
        records[row] = replace(records[row], label_map=maps.folder / name[:2] / f'{name[2:32]}.png')
    maps.fill_batches([[records[row] for row in rows] for rows in batches], skip_unreadable=args.on_error == 'skip')
    return tuple(records)


def _embed_shards(model: nn.Module, dataset: RecordDataset, shards: Sequence[Shard], args: argparse.Namespace) -> None:
    batches = [split_rows(range(shard.start, shard.stop), args.batch_size) for shard in shards]
    stream = embed_batches(model, dataset, sum(batches, []), args.workers, args.flip)
    total = sum(shard.stop - shard.start for shard in shards)
    with tqdm(total=total, desc='extract', unit=' images', disable=not (total and is_main())) as bar:
        for shard, own in zip(shards, batches, strict=True):
            shard.write(_collect(islice(stream, len(own)), args.on_error, bar))


def _collect(batches: Iterable[Embedded], on_error: str, bar: tqdm) -> Part:
    rows, embeddings, unreadable = [], [], {}
    for batch in batches:
        for row, error in batch.errors.items():
            if on_error == 'stop' or not isinstance(error, UnreadableImage):
                raise error
            unreadable[row] = str(error)
        if batch.rows:
            rows += batch.rows
            embeddings.append(batch.embeddings)
        bar.update(len(batch.rows) + len(batch.errors))
    joined = np.concatenate(embeddings) if rows else np.zeros((0, 0), dtype=np.float32)
    return Part(np.array(rows, dtype=np.int64), joined, unreadable)


def joined_key(shards: Sequence[Shard]) -> str:
    """Hash of all that decides what is in the file."""
    return hashlib.sha256(''.join(shard.key for shard in shards).encode()).hexdigest()


def finished_rows(path: Path, key: str) -> tuple[int, int] | None:
    """How many images have an embedding in a file, and how many have none; None when it is not the one of that key."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, 'np') as file:
            metadata = file.metadata() or {}
            if json.loads(metadata['key']) != key:
                return None
            return file.get_slice('embeddings').get_shape()[0], len(json.loads(metadata['unreadable']))
    except (SafetensorError, OSError, ValueError, KeyError):
        return None  # another file, which is replaced


def write_joined(path: Path, selection: Selection, part: Part, info: dict[str, Any]) -> str:
    """Write the file; returns what to print.

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
    left_out = f'{len(part.unreadable)} of {len(relative)} images could not be read and are left out'
    number, length = part.embeddings.shape
    return f'{number} embeddings of length {length}; {left_out if part.unreadable else "no image left out"}'


def _sort_metadata(path: Path) -> None:
    """Bring the metadata into one order, so that the same content gives the same bytes; safetensors draws it by lot."""
    with path.open('r+b') as file:
        length = int.from_bytes(file.read(8), 'little')
        header = json.loads(file.read(length))
        header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
        text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode().ljust(length)
        if len(text) != length:
            raise OSError(f'{path}: its header has {length} bytes and should have {len(text)}')
        file.seek(8)
        file.write(text)
