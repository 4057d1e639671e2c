"""The form and the results of the tab Rank, before anything happens."""

from typing import NamedTuple

import gradio as gr

from ifd_zoo.explain.overlays import VIEWS, colour_bar
from ifd_zoo.gallery import example_photos
from ifd_zoo.hub import list_bundled
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button
from ifd_zoo.page.files import ARCHIVE_TYPES, PICTURE_TYPES
from ifd_zoo.page.models import BASELINE, Models
from ifd_zoo.page.narrowing import narrowing_fields
from ifd_zoo.page.rank_state import HEADS, MAX_SHOWN
from ifd_zoo.page.theme import PICTURES, STILL, UPLOAD, labelled
from ifd_zoo.uploads import Gallery


class Form(NamedTuple):
    """Components of the form."""

    examples: gr.Dataset
    inputs: list
    """Queries, gallery, archives, folder and model."""
    wishes: list
    """What is shown: view, opacity, number of matches and threshold."""
    part: list
    """Which part of the gallery is searched, as of `narrowing_fields`."""
    search: gr.Button
    cancel: gr.Button


def input_column(models: Models, folder: Gallery | None) -> Form:
    """The form; the folder is that of the start."""
    gr.Markdown(texts.EXAMPLES_HEADING, elem_classes='small')
    samples = [[path] for path in example_photos('query')]
    thumbnail = gr.Image(render=False, label='Query photo')
    examples = gr.Dataset(components=[thumbnail], samples=samples, type='index', show_label=False, elem_id='examples')
    with gr.Row():
        with gr.Column(min_width=120, scale=2):
            gr.Markdown('### Query')
            query = gr.Gallery(file_types=PICTURE_TYPES, label='Query photos', buttons=[], elem_id='query', **UPLOAD)
        with gr.Column(min_width=150, scale=3):
            gr.Markdown('### Gallery')
            gallery = gr.Gallery(
                file_types=PICTURE_TYPES, label='Gallery photos', buttons=[], elem_id='gallery', **UPLOAD
            )
    with gr.Accordion('A gallery as ZIP, or many files', open=False):
        archives = gr.File(
            label='ZIP archives and photos, at most 250 MB each',
            file_count='multiple',
            file_types=ARCHIVE_TYPES,
            height=140,
            elem_id='archives',
        )
    text = f'Search the {len(folder.files):,} photos of this machine as well' if folder else 'No folder was given'
    use_folder = gr.Checkbox(value=bool(folder), label=text, visible=bool(folder), elem_id='folder')
    part = narrowing_fields()
    model = gr.Radio(model_choices(models), value=models.names[0], label='Model', elem_id='model')
    with gr.Row():
        button = gr.Button('Find matches', variant='primary', size='lg', elem_id='run', min_width=160)
        cancel = cancel_button('run')
    with gr.Accordion('What is shown', open=True):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], label='On each match', elem_id='view')
        with gr.Row():
            opacity = gr.Slider(0, 1, value=0.5, step=0.05, label='Opacity', elem_id='opacity', min_width=140)
            top_k = gr.Slider(1, MAX_SHOWN, value=8, step=1, label='Matches', elem_id='top_k', min_width=140)
            threshold = gr.Slider(-1, 1, value=0, step=0.01, label='Threshold', elem_id='threshold', min_width=140)
    inputs, wishes = [query, gallery, archives, use_folder, model], [view, opacity, top_k, threshold]
    return Form(examples, inputs, wishes, part, button, cancel)


def output_column() -> dict:
    """Components by name, in the order of what `rank` returns."""
    status = gr.Markdown(texts.WELCOME, elem_id='status')
    with gr.Column(visible=False) as results:
        chosen = gr.Dropdown([], label='Query', visible=False, elem_id='chosen')
        gr.Markdown('### The query, as the model sees it')
        seen = gr.Gallery(columns=4, buttons=[], label='The query', elem_id='seen', **PICTURES)
        gr.Markdown('### Best matches: click one to see the pair')
        labelled(colour_bar(), label='Colours from low to high', elem_id='bar', **STILL)
        gr.Markdown(texts.LEGEND, elem_classes='small')
        summary = gr.Markdown(elem_id='summary')
        pair = labelled(
            visible=False, interactive=False, label='Pair', buttons=['download', 'fullscreen'], elem_id='pair'
        )
        matches = gr.Gallery(
            columns=2, buttons=['fullscreen'], allow_preview=False, label='Matches', elem_id='matches', **PICTURES
        )
        gr.Markdown('### Whole ranking')
        table = gr.Dataframe(
            headers=list(HEADS),
            datatype=['number', 'str', 'str', 'str', 'str'],
            column_widths=['70px', '220px', '110px', '110px', '100px'],
            show_label=False,
            interactive=False,
            max_height=320,
            buttons=['fullscreen'],  # gradio would copy names that spreadsheets run
            elem_id='table',
        )
        with gr.Row():
            csv = gr.DownloadButton('Download the ranking as CSV', size='md', elem_id='csv')
            packed = gr.DownloadButton('Ranking and pictures as ZIP', size='md', elem_id='zip')
    ranking = gr.State(time_to_live=texts.KEEP_SECONDS)
    return {
        'status': status, 'results': results, 'seen': seen, 'matches': matches, 'summary': summary, 'table': table,
        'csv': csv, 'zip': packed, 'chosen': chosen, 'ranking': ranking, 'pair': pair,
    }


def model_choices(models: Models) -> list[tuple[str, str]]:
    """Labels and names of the loaded models."""
    return [(_label(name), name) for name in models.names]


def _label(name: str) -> str:
    if name not in list_bundled():
        return name
    return f'{"Baseline" if BASELINE in name else "IFD"} \u2003 {name}'
