"""The demo: find the same person in other clothes. Run `python app.py` and open http://127.0.0.1:7860.

Flags and access control; the page itself is in `ifd_zoo.page`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.common.cli import ArgumentParser, add_model_flags, entry_point
from ifd_zoo.common.errors import ZooError
from ifd_zoo.page.guard.hosts import in_space, is_loopback

INDEX = Path(os.getenv('XDG_CACHE_HOME', '~/.cache')) / 'ifd_zoo' / 'galleries'
AUTH = 'IFD_AUTH'
"""Environment variable for the value of --auth, if the flag is not given."""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ArgumentParser('app.py', description=__doc__.splitlines()[0])
    parser.add_argument('--host', default=os.getenv('GRADIO_SERVER_NAME', '127.0.0.1'), help='0.0.0.0: all machines')
    parser.add_argument('--port', type=int, default=7860, help='port of the page')
    add_model_flags(parser, 'parser', model=DEFAULT_MODEL, precision='auto')
    parser.add_argument('--gallery', type=Path, help='folder of photos that can be searched without an upload')
    parser.add_argument('--index', default=str(INDEX), help='where the embeddings of --gallery are kept')
    auth = parser.add_mutually_exclusive_group()
    auth.add_argument(
        '--auth', metavar='USER:PASSWORD', help=f'login that opens the page, from any machine; also the variable {AUTH}'
    )
    auth.add_argument('--auth-file', type=Path, help='file with USER:PASSWORD, to keep it out of process lists')
    parser.add_argument('--public', action='store_true', default=in_space(), help='anybody may open the page')
    return parser.parse_args(argv)


def _read_auth(args: argparse.Namespace) -> str | None:
    """Return USER:PASSWORD from the flags or else from the environment, if any.

    Raises:
        ZooError: the file cannot be read.
    """
    if not args.auth_file:
        return os.getenv(AUTH) if args.auth is None else args.auth
    try:
        return args.auth_file.read_text(encoding='utf-8').rstrip('\r\n')
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f'--auth-file: {error}') from error


def _refusal(args: argparse.Namespace) -> str | None:
    """Return what is wrong with the flags, if anything."""
    if args.auth is not None and not all(args.auth.partition(':')):
        return f'--auth must be USER:PASSWORD, neither of them empty; the same goes for --auth-file and {AUTH}'
    if not is_loopback(args.host) and not args.auth and not args.public:
        return (
            f'--host {args.host} lets other machines in: give --auth USER:PASSWORD, or --public if anybody may use '
            'this page and its processor'
        )
    return None


@entry_point()
def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until it is stopped; return the exit code, which is 2 if it cannot start."""
    args = parse_args(argv)
    args.auth = _read_auth(args)
    if refusal := _refusal(args):
        raise ZooError(refusal)
    print('app.py: loading; the address follows in a few seconds', file=sys.stderr, flush=True)
    from ifd_zoo.page.site import run

    run(args)


if __name__ == '__main__':
    sys.exit(main())
