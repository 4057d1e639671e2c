"""Make, check and publish releases.

    python -m ifd_zoo.hub save --model ifd_resnet10t.synthetic --output DIR
    python -m ifd_zoo.hub save --parser bundled --output DIR
    python -m ifd_zoo.hub card DIR
    python -m ifd_zoo.hub check DIR
    python -m ifd_zoo.hub push DIR --org ORG --dry-run

`save` takes any model that `ifd_zoo.create_model` accepts, or a zoo parser; the other commands read from config.json
which of the two a folder holds. `check` also takes hf-hub:org/name[@revision]. `save --feature` gives a model another
test feature; figures measured with the old feature are left out of the new folder, which may be the same folder.
"""

import argparse
import sys

from ifd_zoo.common.cli import ArgumentParser, add_flags, entry_point
from ifd_zoo.releases.files import ORGANISATION, PREFIX, RELEASE_FILES, ReleaseError


def save(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.loading import load_model
    from ifd_zoo.hub.parsers import resave_parser
    from ifd_zoo.hub.release import resave_release

    if not args.parser:
        return f'release: {resave_release(load_model(args.model, args.feature), args.output, args.license)}'
    if args.feature:
        raise ReleaseError('--feature is for models: a parser has no test feature')
    if args.license:
        raise ReleaseError('--license is for models: a parser keeps the licence of its config.json')
    return f'release: {resave_parser(args.parser, args.output)}'


def card(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.release import write_card

    return f'model card: {write_card(args.folder)}'


def check(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.check import check_release
    from ifd_zoo.releases.remote import fetch

    return check_release(fetch(args.folder, RELEASE_FILES) if args.folder.startswith(PREFIX) else args.folder)


def push(args: argparse.Namespace) -> str:
    from ifd_zoo.hub.push import list_files, push_release, repo_name

    repo = repo_name(args.folder, args.org, args.name)
    if args.dry_run:
        files = list_files(args.folder)
        lines = [f'{size:>12,}  {name}' for name, size in files]
        visibility = 'public' if args.public else 'private'
        total = f'{sum(size for _, size in files):>12,}  bytes in {len(files)} files'
        return '\n'.join([f'would push to {repo} ({visibility} if it is new):', *lines, total])
    pushed = push_release(args.folder, repo, args.public)
    what = 'commit' if pushed.changed else 'nothing to do, the Hub has it already: commit'
    return f'{pushed.repo}: {what} {pushed.commit}\n{pushed.url}'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser('python -m ifd_zoo.hub', description='Make, check and publish releases.')
    commands = parser.add_subparsers(required=True, metavar='save|card|check|push')

    command = commands.add_parser('save', help='save a model or a zoo parser as a release folder')
    what = command.add_mutually_exclusive_group(required=True)
    add_flags(what, model=None, parser=None)
    add_flags(command, 'feature')
    command.add_argument('--output', required=True, help='folder, created if missing')
    command.add_argument('--license', help='of the weights, such as apache-2.0; default: that of the release')
    command.set_defaults(run=save)

    command = commands.add_parser('card', help='rewrite the model card from config.json')
    command.add_argument('folder')
    command.set_defaults(run=card)

    command = commands.add_parser('check', help='compare a release with its golden tensors and SHA-256')
    command.add_argument('folder', help='release folder, or hf-hub:org/name[@revision]')
    command.set_defaults(run=check)

    command = commands.add_parser('push', help='check a release and upload it to the Hub')
    command.add_argument('folder')
    command.add_argument('--org', help=f'organisation or user; default: the environment variable {ORGANISATION}')
    command.add_argument('--name', help='of the repository; default: architecture.tag, or parser_backbone[.tag]')
    command.add_argument('--public', action='store_true', help='make a new repository public')
    command.add_argument('--dry-run', action='store_true', help='only list files and sizes')
    command.set_defaults(run=push)
    return parser.parse_args(argv)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    print(args.run(args))


if __name__ == '__main__':
    sys.exit(main())
