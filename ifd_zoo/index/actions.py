"""What `python -m ifd_zoo.index` does, each of parsed flags, and returns to be printed."""

import argparse
import json
import sys

from tqdm import tqdm

from ifd_zoo.choices import EXACT
from ifd_zoo.hub.loading import load_trained
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.building import build, folder_files
from ifd_zoo.index.faiss_search import FaissSearch, recall_at, sample_queries
from ifd_zoo.index.key import index_key
from ifd_zoo.index.storage import GalleryIndex
from ifd_zoo.models.features import embedding_size
from ifd_zoo.predictor import Predictor

RECALL_QUERIES = 200


def build_index(args: argparse.Namespace) -> str:
    files = folder_files(args.images, args.labels)
    model = load_trained(args.model, args.fresh_weights)
    predictor = Predictor(model, args.parser, args.device, precision=args.precision)
    index = GalleryIndex.open_or_create(args.index, index_key(predictor), embedding_size(predictor.model), args.dtype)
    with tqdm(total=len(files), desc='index', unit=' images', leave=False) as bar:
        built = build(index, predictor, files, lambda done: bar.update(done - bar.n))
    for line in built.skipped:
        print(f'left out: {line}', file=sys.stderr)
    if not len(index):
        raise GalleryIndexError(f'{args.images}: none of {len(files)} pictures can be used')
    pruned = sorted(set(index.names()) - {file.name for file in files}) if args.prune else []
    index.remove(pruned)
    counts = f'{built.added} added ({built.embedded} embedded), {built.present} there already'
    return f'{args.index}: {len(index)} images; {counts}, {len(built.skipped)} left out, {len(pruned)} removed'


def search_index(args: argparse.Namespace) -> str:
    predictor = Predictor(args.model, args.parser, args.device, precision=args.precision)
    index = GalleryIndex.open(args.index, index_key(predictor), args.verify)
    engine = index if args.engine == EXACT else FaissSearch.open(index, args.engine)
    results = engine.search(predictor.embed(args.query), args.top_k)
    if args.json:
        answer = {str(query): [m._asdict() for m in found] for query, found in zip(args.query, results, strict=True)}
        return json.dumps(answer, indent=2)
    lines = []
    for query, found in zip(args.query, results, strict=True):
        lines += [str(query), *(f'  {m.similarity:+.4f}  {m.name}{f"  [{m.label}]" if m.label else ""}' for m in found)]
    # A file name that is no UTF-8 cannot be printed as it is.
    return '\n'.join(lines).encode('utf-8', 'backslashreplace').decode()


def show_info(args: argparse.Namespace) -> str:
    index = GalleryIndex.open(args.index, verify=args.verify)
    manifest = index.manifest
    size = sum((index.folder / name).stat().st_size for name in manifest.files())
    values = {
        'images': len(index),
        'removed': manifest.rows - len(index),
        'shards': len(manifest.shards),
        'megabytes': round(size / 1e6, 1),
        'dim': manifest.dim,
        'dtype': manifest.dtype,
        'key': manifest.key,
    }
    return json.dumps(values, indent=2)


def remove_rows(args: argparse.Namespace) -> str:
    index = GalleryIndex.open(args.index, verify=args.verify)
    return f'{args.index}: {index.remove(args.name, args.label)} images removed, {len(index)} left'


def compact_index(args: argparse.Namespace) -> str:
    index = GalleryIndex.open(args.index)
    before = index.manifest
    index.compact()
    dropped = before.rows - index.manifest.rows
    return f'{args.index}: {len(before.shards)} -> {len(index.manifest.shards)} shards, {dropped} removed rows dropped'


def build_faiss(args: argparse.Namespace) -> str:
    index = GalleryIndex.open(args.index, verify=args.verify)
    search = FaissSearch.build(index, args.kind)
    search.save()
    recall = recall_at(index, search, sample_queries(index, RECALL_QUERIES))
    return f'{args.index}: {args.kind} over {len(index)} images; recall@10 against exact search {recall:.4f}'
