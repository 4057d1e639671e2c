"""A gallery on disk, and the people in it.

    python -m ifd_zoo.index build --index DIR --images DIR [--model NAME|DIR] [--labels folders] [--prune]
    python -m ifd_zoo.index search --index DIR --query FILE ... [--top-k 10] [--engine exact|flat|hnsw|ivfpq] [--json]
    python -m ifd_zoo.index info --index DIR
    python -m ifd_zoo.index remove --index DIR [--name NAME ...] [--label LABEL ...]
    python -m ifd_zoo.index compact --index DIR
    python -m ifd_zoo.index faiss --index DIR --kind hnsw

A build that was stopped goes on where it was; called again it takes in what is new or has changed, and with `--prune`
takes out what is not in the folder any more. Ends with 0, or with 2 and a line that says what is wrong.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from ifd_zoo.features import embedding_size
from ifd_zoo.hub import LoadError
from ifd_zoo.images import ImageError
from ifd_zoo.index.base import GalleryIndexError
from ifd_zoo.index.build import build, folder_files
from ifd_zoo.index.faiss_search import KINDS, FaissSearch, recall_at, sample_queries
from ifd_zoo.index.key import index_key
from ifd_zoo.index.shard import DTYPES
from ifd_zoo.index.storage import GalleryIndex
from ifd_zoo.inference import PRECISIONS, DeviceError
from ifd_zoo.parsing import ParserError
from ifd_zoo.predictor import DEFAULT_MODEL, Predictor

ERRORS = (GalleryIndexError, ImageError, LoadError, ParserError, DeviceError, OSError)
EXACT = 'exact'
RECALL_QUERIES = 200


def build_index(args: argparse.Namespace) -> str:
    files = folder_files(args.images, args.labels == 'folders')
    predictor = Predictor(args.model, args.parser, args.device, precision=args.precision)
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


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser('python -m ifd_zoo.index', description='A gallery on disk.', allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar='build|search|info|remove|compact|faiss')

    command = _command(commands, 'build', build_index, 'embed pictures that are not in the index yet')
    command.add_argument('--images', required=True, type=Path, help='folder of pictures')
    command.add_argument('--labels', choices=('none', 'folders'), default='none', help="persons by their folder's name")
    command.add_argument('--dtype', choices=tuple(DTYPES), default='fp16', help='of a new index')
    command.add_argument('--prune', action='store_true', help='remove what is not in the folder any more')
    _add_model(command)

    command = _command(commands, 'search', search_index, 'the most similar pictures')
    command.add_argument('--query', required=True, nargs='+', type=Path, help='pictures')
    command.add_argument('--top-k', type=int, default=10)
    command.add_argument('--engine', choices=(EXACT, *KINDS), default=EXACT, help='FAISS, once it has been built')
    command.add_argument('--json', action='store_true', help='for programs')
    _add_model(command)

    _command(commands, 'info', show_info, 'what is in the index')
    command = _command(commands, 'remove', remove_rows, 'take pictures out')
    command.add_argument('--name', nargs='+', default=[], help='as in the index')
    command.add_argument('--label', nargs='+', default=[], help='all pictures of these persons')
    _command(commands, 'compact', compact_index, 'merge shards, and give the space of removed pictures back')
    command = _command(commands, 'faiss', build_faiss, 'make an index of FAISS, and measure its recall')
    command.add_argument('--kind', choices=KINDS, default='hnsw')

    args = parser.parse_args(argv)
    if args.run is search_index and args.top_k < 1:
        parser.error('--top-k must be at least 1')
    if args.run is remove_rows and not args.name + args.label:
        parser.error('give --name or --label')
    return args


def _command(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.add_argument('--index', required=True, type=Path, help='folder of the index')
    if run not in (build_index, compact_index):  # what is written must not come from damaged files
        command.add_argument(
            '--verify', action=argparse.BooleanOptionalAction, default=True, help='read all files to see if any changed'
        )
    command.set_defaults(run=run)
    return command


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument('--model', default=DEFAULT_MODEL, help='name, folder, file or hf-hub:org/name')
    command.add_argument('--parser', default='bundled', help='human parser, see python -m ifd_zoo.parsing')
    command.add_argument('--device', help='cpu, cuda ... (default: a GPU if there is one)')
    command.add_argument('--precision', default='auto', choices=PRECISIONS, help='an index is searched as it was built')


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        print(args.run(args))
    except ERRORS as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
