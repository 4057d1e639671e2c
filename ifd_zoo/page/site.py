"""Startup and frame of the page; its tabs are in `ifd_zoo/page/tabs`."""

import argparse
import hashlib
import os
import re
import signal
import sys
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware
from tqdm import tqdm

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import list_bundled
from ifd_zoo.images.loading import ImageError
from ifd_zoo.page import endpoints
from ifd_zoo.page.guard.hosts import in_space, is_loopback
from ifd_zoo.page.guard.inputs import Page
from ifd_zoo.page.guard.quota import UploadsInRoom
from ifd_zoo.page.guard.rate_limit import TOO_MANY_TRIES, LoginRateLimit, SharedPlaces
from ifd_zoo.page.guard.requests import MISUNDERSTOOD, OwnFilesOnly, OwnSitesOnly, SafeHeaders
from ifd_zoo.page.guard.temporary import own_folder, remove_abandoned
from ifd_zoo.page.guard.upload_retention import UploadRetention, most_bytes
from ifd_zoo.page.models import Models, short_name
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs import change, compare, masks, models_tab, rank_tab
from ifd_zoo.page.texts import KEEP_SECONDS, PRIVACY, TITLE
from ifd_zoo.page.theme import LOOK
from ifd_zoo.uploads import Gallery, Limits, collect_folder

HUGE = Limits(max_files=1_000_000, max_entries=2_000_000)
"""Limits for the `--gallery` folder, which is trusted."""
SESSIONS = 200  # visitors whose last ranking is kept, at most 10 MB each


def build_demo(models: Models, sessions: Sessions) -> gr.Blocks:
    """Build the page; the theme is passed to `launch`."""
    with Page(title=f'IFD: {TITLE}', analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)) as demo:
        with gr.Tabs(elem_id='tabs'):
            ranking = rank_tab.build(models, sessions)
            _, to_measure = change.build(models, sessions, ranking)
            _, to_compare = compare.build(models, sessions)
            masks.build(models, sessions, ranking)
            lists = [ranking.model, *to_measure, *to_compare, ranking.beside]
            refresh = models_tab.build(models, sessions, lists)
        gr.Markdown(PRIVACY, elem_classes='small', elem_id='footer')
        endpoints.build(models, sessions)
        demo.unload(sessions.leave)
        demo.load(refresh, None, lists, show_progress='hidden', api_visibility='private')
    demo.queue(max_size=32, api_open=False)  # so that hand-made requests cannot bypass the queue
    SharedPlaces(demo._queue)
    return demo


def _sources(model: str) -> dict[str, str]:
    """Return the requested model, then the bundled ones, by display name."""
    return {short_name(model, list_bundled()): model} | {name: name for name in list_bundled()}


def run(args: argparse.Namespace) -> None:
    """Serve the page until it is stopped."""
    guarded = args.public and not args.auth
    models = Models(_sources(args.model), args.parser, args.device, args.precision, guarded)
    folder = _read_folder(args.gallery)
    if folder:
        models.use_index(folder.files, _index_of(args))
    _end_on_signals()
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    if in_space():  # where a proxy forwards the visitors' addresses
        os.environ.setdefault('FORWARDED_ALLOW_IPS', '*')
    for left in remove_abandoned():
        print(f'app.py: removed {left}, left behind by a killed process', file=sys.stderr)
    with own_folder() as folder_of_uploads:
        os.environ['GRADIO_TEMP_DIR'] = str(folder_of_uploads)
        keeping = UploadRetention(folder_of_uploads, 2 * KEEP_SECONDS, most_bytes(folder_of_uploads))
        sessions = Sessions(folder, keeping)
        demo = build_demo(models, sessions)
        keeping.start()
        try:
            _serve(demo, models, sessions, args)
        finally:
            keeping.stop()


def _end_on_signals() -> None:
    """Exit cleanly on SIGTERM and SIGHUP, so that the temporary folder is removed."""
    ending = [getattr(signal, name) for name in ('SIGTERM', 'SIGHUP') if hasattr(signal, name)]

    def end(*_: object) -> None:
        for one in ending:  # a terminal sends it twice, and the second must not interrupt the removal
            signal.signal(one, signal.SIG_IGN)
        sys.exit(0)

    for one in ending:
        if signal.getsignal(one) != signal.SIG_IGN:  # as after `nohup`
            signal.signal(one, end)


def _read_folder(path: Path | None) -> Gallery | None:
    if path is None:
        return None
    found = collect_folder(path, HUGE)
    for line in found.skipped:
        print(f'app.py: --gallery: {line}', file=sys.stderr)
    if not found.files:
        raise ImageError(str(path), 'contains no usable images; give a folder of photos')
    return found


def _index_of(args: argparse.Namespace) -> str:
    """Return the index location of the gallery, unique to its path."""
    place = args.gallery.expanduser().resolve()
    name = re.sub(r'[^\w.-]', '_', place.name)
    return f'{args.index}/{name}_{hashlib.sha256(str(place).encode()).hexdigest()[:12]}'


def _serve(demo: gr.Blocks, models: Models, sessions: Sessions, args: argparse.Namespace) -> None:
    limits = {'allowed_paths': [str(EXAMPLES)], 'max_file_size': '250mb', 'run_history': False}
    auth = tuple(args.auth.split(':', 1)) if args.auth else None
    try:
        demo.launch(
            server_name=args.host,
            server_port=args.port,
            quiet=True,
            prevent_thread_lock=True,
            auth=auth,
            auth_message=TOO_MANY_TRIES if auth else None,
            state_session_capacity=SESSIONS,
            **LOOK,
            app_kwargs={'middleware': _middleware(args, sessions), 'exception_handlers': dict(MISUNDERSTOOD)},
            **limits,
        )
    except (OSError, OverflowError) as error:
        raise OSError(f'cannot listen on {args.host}:{args.port}; choose another --port ({error})') from error
    print(f'IFD demo on {demo.local_url} (Ctrl+C stops it)', flush=True)
    try:
        _get_ready(models, sessions.folder)
        demo.block_thread()
    finally:
        demo.close()


def _middleware(args: argparse.Namespace, sessions: Sessions) -> list[Middleware]:
    """Return the middleware, outermost first. A page open to anybody accepts requests from other sites, too."""
    loopback, found = is_loopback(args.host), [Middleware(SafeHeaders, in_space())]
    if loopback or args.auth:
        found.append(Middleware(OwnSitesOnly, loopback, os.getenv('GRADIO_ROOT_PATH', '')))
    if args.auth:
        found.append(Middleware(LoginRateLimit))
    if sessions.keeping:
        found.append(Middleware(UploadsInRoom, has_room=sessions.has_room))
    return [*found, Middleware(OwnFilesOnly)]


def _get_ready(models: Models, folder: Gallery | None) -> None:
    """Load the default model and update the index of the gallery, while the page is already being served."""
    predictor = models.get(models.names[0])
    if folder:
        with tqdm(total=len(folder.files), desc='Embedding the gallery', unit='photos') as bar:
            models.update_index(predictor, lambda done: bar.update(done - bar.n))
