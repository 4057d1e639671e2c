"""The demo: find the same person in other clothes. Run `python app.py` and open http://127.0.0.1:7860.

The start and the frame of the page; its tabs are in `ifd_zoo.page`.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware
from tqdm import tqdm

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import LoadError, list_bundled
from ifd_zoo.images import ImageError
from ifd_zoo.index import GalleryIndexError
from ifd_zoo.inference import PRECISIONS, DeviceError
from ifd_zoo.intake import Collected, Limits, collect_folder
from ifd_zoo.page import change, compare, endpoints, masks, models, rank
from ifd_zoo.page.brake import BRAKED, LoginBrake, SharedPlaces
from ifd_zoo.page.desk import Desk, short_name
from ifd_zoo.page.door import Page
from ifd_zoo.page.fence import MISUNDERSTOOD, OwnFilesOnly, OwnSitesOnly, SafeHeaders, is_loopback
from ifd_zoo.page.files import visitor
from ifd_zoo.page.keeping import Keeping
from ifd_zoo.page.look import LOOK
from ifd_zoo.page.words import KEEP_SECONDS, PRIVACY, TITLE
from ifd_zoo.parsing import ParserError
from ifd_zoo.predictor import DEFAULT_MODEL
from ifd_zoo.predictors import Predictors

ERRORS = (LoadError, ParserError, DeviceError, ImageError, GalleryIndexError, OSError)
HUGE = Limits(max_files=1_000_000, max_entries=2_000_000)
"""Of the folder of `--gallery`, which is the owner's."""
INDEX = Path(os.getenv('XDG_CACHE_HOME', '~/.cache')) / 'ifd_zoo' / 'galleries'
AUTH = 'IFD_AUTH'
"""Environment variable with what --auth takes."""
SESSIONS = 200  # visitors whose last ranking is kept, at most 10 MB each


def build_demo(desk: Desk) -> gr.Blocks:
    """The page; `launch` gives it its look."""
    with Page(title=f'IFD: {TITLE}', analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)) as demo:
        with gr.Tabs(elem_id='tabs'):
            ranking = rank.build(desk)
            _, to_measure = change.build(desk, ranking)
            _, to_compare = compare.build(desk)
            masks.build(desk, ranking)
            lists = [ranking.model, *to_measure, *to_compare]
            refresh = models.build(desk, lists)
        gr.Markdown(PRIVACY, elem_classes='small', elem_id='footer')
        endpoints.build(desk)
        if desk.keeping:
            demo.unload(lambda: desk.keeping.leave(visitor()))
        demo.load(refresh, None, lists, show_progress='hidden', api_visibility='private')
    demo.queue(max_size=32, api_open=False)  # nor do requests by hand pass the queue
    SharedPlaces(demo._queue)
    return demo


def _sources(model: str) -> dict[str, str]:
    """The model asked for, then those that come with the package."""
    return {short_name(model, list_bundled()): model} | {name: name for name in list_bundled()}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='app.py', description=__doc__.splitlines()[0])
    parser.add_argument('--host', default=os.getenv('GRADIO_SERVER_NAME', '127.0.0.1'), help='0.0.0.0: any machine')
    parser.add_argument('--port', type=int, default=7860)
    parser.add_argument('--model', default=DEFAULT_MODEL, help='bundled name, release folder, or hf-hub:org/name')
    parser.add_argument('--parser', default='bundled', help='human parser: name, folder, or hf-hub:org/name')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: a GPU if there is one)')
    parser.add_argument('--precision', default='auto', choices=PRECISIONS, help='auto: fastest that keeps the answer')
    parser.add_argument('--gallery', type=Path, help='folder of photos that can be searched without an upload')
    parser.add_argument('--index', type=Path, default=INDEX, help='folder in which what was seen in --gallery is kept')
    auth = parser.add_mutually_exclusive_group()
    auth.add_argument(
        '--auth', metavar='USER:PASSWORD', help=f'who may open the page, from any machine; also the variable {AUTH}'
    )
    auth.add_argument('--auth-file', type=Path, help='file with USER:PASSWORD, which no list of processes shows')
    parser.add_argument('--public', action='store_true', default=_in_space(), help='anybody may open the page')
    return parser.parse_args(argv)


def _read_auth(args: argparse.Namespace) -> str | None:
    """USER:PASSWORD of the flags or else of the environment, if any.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    if args.auth_file:
        return args.auth_file.read_text(encoding='utf-8').rstrip('\r\n')
    return os.getenv(AUTH) if args.auth is None else args.auth


def _refusal(args: argparse.Namespace) -> str | None:
    """What is wrong with the flags, if anything."""
    if args.auth is not None and not all(args.auth.partition(':')):
        return f'--auth must be USER:PASSWORD, neither of them empty; the same goes for --auth-file and {AUTH}'
    if not is_loopback(args.host) and not args.auth and not args.public:
        return (
            f'--host {args.host} lets other machines in: give --auth USER:PASSWORD, or --public if anybody may use '
            'this page and its processor'
        )
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Serves the page until it is stopped. Returns the exit code: 2 when it cannot start."""
    args = parse_args(argv)
    try:
        args.auth = _read_auth(args)
    except (OSError, UnicodeDecodeError) as error:
        print(f'app.py: --auth-file: {error}', file=sys.stderr)
        return 2
    if refusal := _refusal(args):
        print(f'app.py: {refusal}', file=sys.stderr)
        return 2
    predictors = Predictors(_sources(args.model), args.parser, args.device, args.precision)
    try:
        folder = _read_folder(args.gallery)
    except ImageError as error:
        print(f'app.py: {error}', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary folder is removed then, too
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    if _in_space():  # where all visitors come through a proxy, which says from where
        os.environ.setdefault('FORWARDED_ALLOW_IPS', '*')
    with tempfile.TemporaryDirectory(prefix='ifd_') as folder_of_uploads:
        os.environ['GRADIO_TEMP_DIR'] = folder_of_uploads
        keeping = Keeping(Path(folder_of_uploads), 2 * KEEP_SECONDS)
        desk = Desk(predictors, folder, args.public and not args.auth, _index_of(args), keeping)
        demo = build_demo(desk)
        keeping.start()
        try:
            return _serve(demo, desk, args)
        finally:
            keeping.stop()


def _read_folder(path: Path | None) -> Collected | None:
    if path is None:
        return None
    found = collect_folder(path, HUGE)
    for line in found.skipped:
        print(f'app.py: --gallery: {line}', file=sys.stderr)
    if not found.files:
        raise ImageError(str(path), 'holds no pictures that can be used; give a folder of photos')
    return found


def _index_of(args: argparse.Namespace) -> Path | None:
    """One for each gallery."""
    if args.gallery is None:
        return None
    place = args.gallery.expanduser().resolve()
    return args.index.expanduser() / f'{place.name}_{hashlib.sha256(str(place).encode()).hexdigest()[:12]}'


def _serve(demo: gr.Blocks, desk: Desk, args: argparse.Namespace) -> int:
    limits = {'allowed_paths': [str(EXAMPLES)], 'max_file_size': '250mb', 'run_history': False}
    auth = tuple(args.auth.split(':', 1)) if args.auth else None
    try:
        demo.launch(
            server_name=args.host,
            server_port=args.port,
            quiet=True,
            prevent_thread_lock=True,
            auth=auth,
            auth_message=BRAKED if auth else None,
            state_session_capacity=SESSIONS,
            **LOOK,
            app_kwargs={'middleware': _middleware(args), 'exception_handlers': dict(MISUNDERSTOOD)},
            **limits,
        )
    except (OSError, OverflowError) as error:
        text = f'cannot listen on {args.host}:{args.port}; choose another --port ({error})'
        print(f'app.py: {text}', file=sys.stderr)
        return 2
    print(f'IFD demo on {demo.local_url} (Ctrl+C stops it)', flush=True)
    try:
        return _get_ready(desk) or demo.block_thread() or 0
    finally:
        demo.close()


def _middleware(args: argparse.Namespace) -> list[Middleware]:
    """From the outside to the inside. What anybody may use anyway, other sites may use as well."""
    loopback, found = is_loopback(args.host), [Middleware(SafeHeaders, _in_space())]
    if loopback or args.auth:
        found.append(Middleware(OwnSitesOnly, loopback, os.getenv('GRADIO_ROOT_PATH', '')))
    if args.auth:
        found.append(Middleware(LoginBrake))
    return [*found, Middleware(OwnFilesOnly)]


def _in_space() -> bool:
    """Whether this is a Space of the Hub: its platform sets this variable, and asks for no flags."""
    return bool(os.getenv('SPACE_ID'))


def _get_ready(desk: Desk) -> int:
    """While the page is there already: who is quick waits for the model. Returns the exit code, 0 to go on."""
    try:
        predictor = desk.get(desk.models[0])
        if desk.folder:
            with tqdm(total=len(desk.folder.files), desc='Looking at the gallery', unit='photos') as bar:
                desk.look_at_folder(predictor, lambda done: bar.update(done - bar.n))
    except ERRORS as error:
        print(f'app.py: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
