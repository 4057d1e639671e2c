"""The commands of `python -m ifd_zoo.index`: each takes the parsed flags and returns the text to print."""

import argparse
import json
import sys
from datetime import timedelta

from tqdm import tqdm

from ifd_zoo.hub.loading import load_trained
from ifd_zoo.index import approximate
from ifd_zoo.index.base import GalleryIndexError, SearchFilter
from ifd_zoo.index.building import build, folder_files
from ifd_zoo.index.key import index_key
from ifd_zoo.index.ranking import IndexMatch
from ifd_zoo.index.table import GalleryIndex
from ifd_zoo.predictor import Predictor


def build_index(args: argparse.Namespace) -> str:
    files = folder_files(args.images, args.labels)
    model = load_trained(args.model, args.fresh_weights)
    predictor = Predictor(model, args.parser, args.device, precision=args.precision, crop=args.crop)
    with tqdm(total=len(files), desc='index', unit=' images', leave=False) as bar:
        progress = lambda done: bar.update(done - bar.n)  # noqa: E731
        index, built = build(args.index, predictor, files, progress, () if args.prune else None, args.ray)
    for line in built.skipped:
        print(f'left out: {line}', file=sys.stderr)
    number = len(index)
    if not number:
        raise GalleryIndexError(f'{args.images}: none of {len(files)} images can be used')
    counts = f'{built.added} added ({built.embedded} embedded), {built.present} there already'
    return f'{args.index}: {number} images; {counts}, {len(built.skipped)} left out, {built.removed} removed'


def search_index(args: argparse.Namespace) -> str:
    predictor = Predictor(args.model, args.parser, args.device, precision=args.precision, crop=args.crop)
    index = GalleryIndex.open(args.index, index_key(predictor))
    search = index.search_people if args.people else index.search
    only = SearchFilter(args.pid, args.camid, args.since, args.until)
    results = dict(
        zip(args.query, search(predictor.embed(args.query), args.top_k, only=only, near=args.approximate), strict=True)
    )
    if args.json:
        answer = {str(query): [match._asdict() for match in found] for query, found in results.items()}
        return json.dumps(answer, indent=2, default=str)
    return '\n'.join(line for query, found in results.items() for line in [str(query), *map(_line, found)])


def _line(match: IndexMatch) -> str:
    known = [match.pid, f'camera {match.camid}' * bool(match.camid), f'{match.time.astimezone():%Y-%m-%d %H:%M}']
    return f'  {match.similarity:+.4f}  {match.name}  [{", ".join(filter(None, known))}]'


def show_info(args: argparse.Namespace) -> str:
    return json.dumps([index.describe() for index in GalleryIndex.all_at(args.index)], indent=2)


def check_index(args: argparse.Namespace) -> str:
    numbers = [index.check() for index in GalleryIndex.all_at(args.index)]
    return f'{args.index}: {sum(numbers)} rows match their checksums'


def remove_rows(args: argparse.Namespace) -> str:
    found = GalleryIndex.all_at(args.index)
    rows = [row for index in found for row in index.rows()]
    unknown = [f'no name {name!r}' for name in args.name if name not in {row.name for row in rows}]
    unknown += [f'no pid {pid!r}' for pid in args.pid if pid not in {row.pid for row in rows}]
    if unknown:
        raise GalleryIndexError(f'{args.index}: {", ".join(unknown[:5])} in this index; nothing was removed')
    removed = sum(index.remove(args.name, args.pid) for index in found)
    return f'{args.index}: {removed} images removed, {sum(map(len, found))} left'


def compact_index(args: argparse.Namespace) -> str:
    found = GalleryIndex.all_at(args.index)
    for index in found:
        index.tidy(timedelta(milliseconds=1))
    return f'{args.index}: {sum(index.describe()["megabytes"] for index in found):.1f} MB'


def build_approximate(args: argparse.Namespace) -> str:
    lines = []
    for index in GalleryIndex.all_at(args.index):
        effort, recall = approximate.build(index, args.kind)
        what = f'{args.index}: {args.kind} over {len(index)} images, effort {effort}'
        lines.append(f'{what}: recall@10 against exact search {recall:.3f}')
    return '\n'.join(lines)
