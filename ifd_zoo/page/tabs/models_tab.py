"""Tab Models: the catalogue, and loading another model."""

import os
from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from huggingface_hub.constants import HF_HUB_CACHE

from ifd_zoo.hub import CONFIG, WEIGHTS, LoadError
from ifd_zoo.hub.listing import Entry
from ifd_zoo.hub.names import is_known
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with
from ifd_zoo.page.files import error, user_errors
from ifd_zoo.page.html import render
from ifd_zoo.page.models import Models, whole_catalogue
from ifd_zoo.page.session import Sessions, visitor
from ifd_zoo.page.tabs.rank_layout import beside_choices, model_choices
from ifd_zoo.page.theme import scroll_to
from ifd_zoo.releases.files import PREFIX

HEADS = ('Name', 'Backbone', 'Parameters', 'GFLOPs', 'Embedding', 'cc rank-1 / mAP', 'Weights')
NO_MODEL = (
    f'That is no model: give a name from the table, the folder of a release (with {CONFIG} and {WEIGHTS}), or '
    'hf-hub:organisation/name.'
)
PICK = """element.addEventListener('click', event => {
    const row = event.target.closest('[data-name]'), copy = event.target.closest('[data-copy]');
    if (row) {
        const box = document.querySelector('#source input, #source textarea');
        box.value = row.dataset.name;
        box.dispatchEvent(new Event('input', {bubbles: true}));
        box.focus();
    } else if (copy) {
        const code = copy.previousElementSibling;
        getSelection().selectAllChildren(code);  // pages without TLS have no clipboard, but a selection
        navigator.clipboard?.writeText(code.textContent).then(() => { copy.textContent = 'Copied'; });
    }
})"""
"""A click on a row fills in the text box; a click on a button copies the command before it."""


def table() -> str:
    """Render the catalogue as HTML: models that can be loaded, and a collapsed list of those to be trained first."""
    there = [entry for entry in whole_catalogue() if entry.where != 'not published']
    there.sort(key=lambda entry: (entry.where, -_rank1(entry)))  # bundled, cached, Hub; the best of each first
    missing = [(_row(entry), entry.command) for entry in whole_catalogue() if entry.where == 'not published']
    return render('catalogue', heads=HEADS, ready=list(map(_row, there)), others=missing)


def _clothing_changing(entry: Entry) -> list[dict[str, float]]:
    return [one for name, one in entry.figures.items() if name.startswith('cc')]


def _rank1(entry: Entry) -> float:
    return max((one['rank1'] for one in _clothing_changing(entry)), default=0.0)


def _row(entry: Entry) -> list[str]:
    # Only the clothing-change protocol, which the zoo is about, because there is no room for others.
    on = f' on {entry.measured_on}' if entry.measured_on else ''
    figures = [f'{one["rank1"]:.1f} / {one["mAP"]:.1f}{on}' for one in _clothing_changing(entry)]
    size = entry.size
    return [
        entry.name, size.backbone, f'{size.parameters / 1e6:.1f} M', f'{size.gflops:.1f}', str(size.embedding),
        next(iter(figures), '-'), entry.where,
    ]


def load(models: Models, sessions: Sessions, source: str) -> str:
    """Load a model and return a status line.

    Raises:
        gr.Error: it cannot be loaded; the others still work.
    """
    if not source or not models.guarded and not _may_be_model(source.strip()):
        raise error(NO_MODEL)
    gr.Progress()(0, desc='Loading the model')
    who = visitor()
    sessions.begin()
    with user_errors():
        try:
            name = models.add(source, lambda: sessions.stops.check(who))
        except LoadError as fault:
            raise LoadError(str(fault).replace(HF_HUB_CACHE, 'of this machine')) from fault
    return f'**Loaded** `{name.replace("`", "")}`. It can be chosen in every tab now.'


def _may_be_model(source: str) -> bool:
    """Return whether it looks like a model. Other paths get one message, to not reveal which of them exist."""
    path = os.path.expanduser(source)
    inside = (os.path.join(path, name) for name in (CONFIG, WEIGHTS))
    return is_known(source) or source.startswith(PREFIX) or all(map(os.path.isfile, inside))


def choices(models: Models, count: int) -> list:
    """Return updates of the choices of `count` model lists, and of the list of second models, which also has none."""
    own, other = model_choices(models), beside_choices(models)
    return [gr.update(choices=listed) for listed in (*[own] * count, other)]


def build(models: Models, sessions: Sessions, lists: Sequence) -> Callable:
    """Build the tab; return a function that updates the model lists, for pages opened after a model was loaded."""
    with gr.Tab('Models', id='models') as tab:
        gr.Markdown(texts.MODELS)
        source = gr.Textbox(
            label='Model to load', placeholder='ifd_resnet50.prcc, a folder, or hf-hub:org/name', elem_id='source'
        )
        with gr.Row():
            button = gr.Button('Load', variant='primary', size='lg', elem_id='load', min_width=100)
            cancel = cancel_button('load')
        status = gr.Markdown(elem_id='load_status')
        gr.Markdown(texts.MODELS_KEY, elem_classes='small')
        rows = gr.HTML('Loading the catalogue ...', js_on_load=PICK, elem_id='catalogue', apply_default_css=False)
    tab.select(table, None, rows, api_visibility='private', concurrency_limit=1)
    refresh = partial(choices, models, len(lists) - 1)
    run = {
        'fn': partial(load, models, sessions), 'inputs': source, 'outputs': status, 'show_progress_on': status,
        'concurrency_limit': 2, 'concurrency_id': 'load', 'api_visibility': 'private',
    }
    loads = [button.click(**run), source.submit(**run)]
    stop_with(sessions, cancel, loads, status)
    button.click(fn=None, js=scroll_to('load_status'))
    for loaded in loads:
        loaded.success(refresh, None, list(lists), api_visibility='private', show_progress='hidden')
    return refresh
