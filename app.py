"""The demo: find the same person in other clothes. Run `python app.py` and open http://127.0.0.1:7860.

Layout and wiring; what is computed and drawn comes from `ifd_zoo.gallery`.
"""

import argparse
import csv
import html
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from ifd_zoo.explain import CLOTHING_COLOUR, INFERNO
from ifd_zoo.gallery import EXAMPLES, Found, PhotoFile, example_photos, search, shorten
from ifd_zoo.hub import LoadError, list_bundled
from ifd_zoo.images import ImageError
from ifd_zoo.inference import DeviceError
from ifd_zoo.parsing import ParserError
from ifd_zoo.predictor import DEFAULT_MODEL, Predictors

CSS = Path(__file__).resolve().parent / 'ifd_zoo' / 'app.css'
MAX_SHOWN = 30
KEEP_SECONDS = 3600  # uploads of this age are deleted every so many seconds, and all of them when the app stops

TITLE = 'Same person, other clothes'
INTRO = f"""<h1>{TITLE}</h1><p>IFD ranks photos by <b>who</b> is in them and not by what they wear. Click an example,
or give a photo of one person and a gallery to look for that person in.</p>"""
EXAMPLES_HEADING = """<h3>Try an example</h3><p>Rendered people. The gallery shows each of them in three other outfits,
and strangers in similar clothes; the number after <i>p</i> in a file name is the person.</p>"""
WELCOME = """<p><b>Results appear here.</b></p><ol>
<li><b>Clothing.</b> A human parser finds what each person wears.</li>
<li><b>Attention.</b> One stream of the network sees the photo without the clothing, and learns where identity is.</li>
<li><b>Ranking.</b> The other stream sees the whole photo through it; its features are compared.</li></ol>"""
RAMP = f'linear-gradient(90deg, {", ".join(f"rgb{colour}" for colour in INFERNO)})'
LEGEND = f"""<span><span class="ramp" style="background: {RAMP}"></span> attention, from ignored to attended (contrast
stretched per photo)</span> <span><span class="ramp" style="background: rgb{CLOTHING_COLOUR}; width: 1.4rem"></span>
clothing</span>"""
PRIVACY = f"""Photos stay on the machine that runs this page: they lie in a temporary folder for at most
{2 * KEEP_SECONDS // 3600} hours and are sent nowhere. A high similarity is a hint and no proof of identity: search only
for people who agreed to it, and let a human decide."""


def rank(predictors: Predictors, query: dict | None, gallery: list | None, model: str, top_k: float) -> tuple:
    """Values for the page's result components.

    Files come as gradio's raw values: its own decoding of a bad picture ends in a message that helps no user.

    Raises:
        gr.Error: there is nothing to search for, or nothing to search in.
    """
    files = [_photo_file(item.get('image') or item['video']) for item in gallery or []]
    if not query or not query.get('path'):
        raise _error('There is no query photo yet: upload one, or click an example.')
    if not files:
        raise _error('The gallery is empty: add the photos to look through, or click an example.')
    if model not in predictors.sources:
        raise _error('Choose one of the models.')
    started, progress = time.monotonic(), gr.Progress()
    progress(0, desc='Loading the model')
    tell = partial(progress, desc='Looking at the gallery', unit='photos')
    try:
        predictor = predictors.get(model)
        result = search(predictor, _photo_file(query), files, lambda done: tell((done, len(files))))
    except ImageError as error:
        raise _error(f'The query photo cannot be used. {error}.') from error
    except ValueError as error:
        raise _error(str(error)) from error
    status = [f'<b>Ranked {len(result.ranking)} photos</b> in {time.monotonic() - started:.1f} s.']
    if not predictor.model.needs_mask:
        status.append('This model has no attention stream, so there is no attention map.')
    if result.skipped:
        status.append(f'<b>Skipped {len(result.skipped)} of {len(files)}.</b> {html.escape(shorten(result.skipped))}')
        gr.Warning(status[-1], duration=20)
    return '<br>'.join(status), gr.Column(visible=True), result.query_views, *_ranking(result.ranking, top_k)


def _ranking(ranking: list[Found], top_k: float) -> tuple[list, list, str]:
    """The best matches as captioned pictures, the whole ranking as rows, and as a CSV file."""
    rows = [[place, one.name, f'{one.similarity:.4f}'] for place, one in enumerate(ranking, 1)]
    shown = ranking[: max(1, min(int(top_k), MAX_SHOWN))]
    captions = [f'#{place} \u2003 {one.similarity:.3f} \u2003 {one.name}' for place, one in enumerate(shown, 1)]
    # Inside gradio's own temporary folder, so that it is deleted with the uploads.
    path = Path(tempfile.mkdtemp(prefix='ranking_', dir=get_upload_folder())) / 'ranking.csv'
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([['rank', 'file', 'similarity'], *rows])
    return [(one.picture, caption) for one, caption in zip(shown, captions, strict=True)], rows, str(path)


def _photo_file(value: dict) -> PhotoFile:
    path = Path(value['path']).resolve()
    # Raw values are checked here: gradio overlooks a path whose `meta` does not say that it is a file.
    if not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise _error('That file was not uploaded here: choose it on this page.')
    return PhotoFile(path, value.get('orig_name') or path.name)


def _error(message: str) -> gr.Error:
    # Escaped, since gradio shows messages as HTML and file names are the user's.
    return gr.Error(html.escape(message), duration=30, print_exception=False)


THEME = gr.themes.Soft(
    primary_hue='indigo',
    neutral_hue='slate',
    font=['system-ui', 'Segoe UI', 'Roboto', 'DejaVu Sans', 'sans-serif'],
    font_mono=['ui-monospace', 'DejaVu Sans Mono', 'monospace'],
)
LOOK = {'theme': THEME, 'css_paths': CSS, 'footer_links': [], 'ssr_mode': False}
# On a phone progress and results lie below the form.
SHOW_RESULTS = "() => { if (innerWidth < 700) document.getElementById('status').scrollIntoView({behavior: 'smooth'}); }"
UPLOAD = {'height': 180, 'show_label': False, 'interactive': True, 'render': False}
PICTURES = {'show_label': False, 'interactive': False, 'object_fit': 'contain', 'height': 'auto', 'container': False}


def build_demo(predictors: Predictors) -> gr.Blocks:
    """The page; `launch` gives it its look."""
    with gr.Blocks(title=f'IFD: {TITLE}', analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)) as demo:
        gr.HTML(INTRO, elem_id='intro')
        with gr.Row():
            with gr.Column(scale=4, min_width=300):
                examples, inputs, button = _input_column(predictors)
            with gr.Column(scale=7, min_width=300):
                outputs = _output_column()
        gr.HTML(f'<p>{PRIVACY}</p>', elem_classes='small')
        run = {
            'fn': partial(rank, predictors),
            'inputs': inputs,
            'outputs': outputs,
            'preprocess': False,
            'show_progress_on': outputs[0],
            'concurrency_id': 'search',
            'concurrency_limit': 1,  # one search uses all cores
        }
        fill = examples.click(_example, examples, inputs[:2], show_progress='hidden', api_visibility='private')
        for searched in (button.click(**run, api_name='rank'), fill.success(**run, api_visibility='private')):
            searched.then(fn=None, js=SHOW_RESULTS)
        for started in (button, examples):
            started.click(fn=None, js=SHOW_RESULTS)
    return demo.queue(max_size=32)


def _input_column(predictors: Predictors) -> tuple[gr.Dataset, list, gr.Button]:
    query = gr.Image(type='filepath', sources=['upload', 'clipboard'], label='Query photo', elem_id='query', **UPLOAD)
    gr.HTML(EXAMPLES_HEADING, elem_classes='small')
    samples = [[path] for path in example_photos('query')]
    examples = gr.Dataset(components=[query], samples=samples, type='index', show_label=False, elem_id='examples')
    with gr.Row():
        with gr.Column(min_width=120, scale=2):
            gr.HTML('<h3>Query</h3>')
            query.render()
        with gr.Column(min_width=150, scale=3):
            gr.HTML('<h3>Gallery</h3>')
            gallery = gr.Gallery(file_types=['image'], label='Gallery photos', buttons=[], elem_id='gallery', **UPLOAD)
            gallery.render()
    names = list(predictors.sources)
    model = gr.Radio([(_label(name), name) for name in names], value=names[0], label='Model', elem_id='model')
    top_k = gr.Slider(1, MAX_SHOWN, value=8, step=1, label='Matches to show', elem_id='top_k')
    button = gr.Button('Find matches', variant='primary', size='lg', elem_id='run')
    return examples, [query, gallery, model, top_k], button


def _output_column() -> list:
    status = gr.HTML(WELCOME, elem_id='status')
    with gr.Column(visible=False) as results:
        gr.HTML('<h3>The query, as the model sees it</h3>')
        seen = gr.Gallery(columns=3, buttons=[], elem_id='seen', **PICTURES)
        gr.HTML(f'<h3>Best matches, and what the model sees in them</h3><p id="legend">{LEGEND}</p>')
        matches = gr.Gallery(columns=2, buttons=['fullscreen'], elem_id='matches', **PICTURES)
        gr.HTML('<h3>Whole ranking</h3>')
        table = gr.Dataframe(
            headers=['Rank', 'File', 'Similarity'],
            datatype=['number', 'str', 'str'],
            column_widths=['18%', '46%', '36%'],
            show_label=False,
            interactive=False,
            max_height=320,
            elem_id='table',
        )
        download = gr.DownloadButton('Download the ranking as CSV', size='md', elem_id='csv')
    return [status, results, seen, matches, table, download]


def _label(name: str) -> str:
    if name not in list_bundled():
        return name
    return f'{"Baseline" if name.startswith("ifd_baseline_") else "IFD"} \u2003 {name}'


def _example(index: int) -> tuple[str, list[str]]:
    return example_photos('query')[index], example_photos('gallery')


def _sources(model: str) -> dict[str, str]:
    """The model asked for, then those that come with the package. Folders go by their last part on the page."""
    bundled = list_bundled()
    first = model if model in bundled else Path(model).name
    return {first: model} | {name: name for name in bundled}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='app.py', description=__doc__.splitlines()[0])
    parser.add_argument('--host', default=os.getenv('GRADIO_SERVER_NAME', '127.0.0.1'), help='0.0.0.0: any machine')
    parser.add_argument('--port', type=int, default=7860)
    parser.add_argument('--model', default=DEFAULT_MODEL, help='bundled name, release folder, or hf-hub:org/name')
    parser.add_argument('--parser', default='bundled', help='human parser: name, folder, or hf-hub:org/name')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: a GPU if there is one)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serves the page until it is stopped. Returns the exit code: 2 when it cannot start."""
    args = parse_args(argv)
    predictors = Predictors(_sources(args.model), args.parser, args.device)
    try:
        predictors.get(next(iter(predictors.sources)))  # now, so that a wrong name is told here and not in the browser
    except (LoadError, ParserError, DeviceError) as error:
        print(f'app.py: {error}', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary folder is removed then, too
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    with tempfile.TemporaryDirectory(prefix='ifd_') as folder:
        os.environ['GRADIO_TEMP_DIR'] = folder
        return _serve(build_demo(predictors), args.host, args.port)


def _serve(demo: gr.Blocks, host: str, port: int) -> int:
    limits = {'allowed_paths': [str(EXAMPLES)], 'max_file_size': '250mb', 'run_history': False}
    try:
        demo.launch(server_name=host, server_port=port, quiet=True, prevent_thread_lock=True, **LOOK, **limits)
    except (OSError, OverflowError) as error:
        print(f'app.py: cannot listen on {host}:{port}; choose another --port ({error})', file=sys.stderr)
        return 2
    print(f'IFD demo on {demo.local_url} (Ctrl+C stops it)', flush=True)
    try:
        demo.block_thread()
    finally:
        demo.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
