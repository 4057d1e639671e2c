"""Layout of the tab Rank: components of the form, the settings and the results."""

from typing import NamedTuple

import gradio as gr

from ifd_zoo.common.variants import VARIANTS, split_name
from ifd_zoo.explain.overlays import VIEWS, colour_bar
from ifd_zoo.gallery import example_photos
from ifd_zoo.hub import list_bundled
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button
from ifd_zoo.page.files import ARCHIVE_TYPES, GALLERY_TYPES, PICTURE_TYPES
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.cropping import add_cropping
from ifd_zoo.page.tabs.gallery_filter import filter_fields
from ifd_zoo.page.tabs.rank_state import HEADS, MAX_SHOWN, OFF
from ifd_zoo.page.theme import PICTURES, STILL, UPLOAD, labelled

DRAWN = ('seen', 'matches', 'summary', 'table', 'csv', 'zip', 'beside', 'others', 'other_summary')
"""Outputs that depend on the display options, in the order in which `redraw` returns them."""
WHY = ('why', 'pair', 'because', 'evidence')
"""Outputs for a clicked match, in the order in which `show_pair` returns them."""
RESULTS = ('status', 'results', *DRAWN, 'chosen', 'ranking', 'why')
"""Outputs of a search, in the order in which `rank` returns them."""


class Form(NamedTuple):
    """Components of the form."""

    examples: gr.Dataset
    inputs: list
    """Queries, gallery, archives, whether to use the folder, and model."""
    part: list
    """Filters of the gallery, from `filter_fields`."""
    beside: gr.Dropdown
    """Second model that ranks the same gallery."""
    search: gr.Button
    cancel: gr.Button


class Settings(NamedTuple):
    """Components of the display options."""

    wishes: list
    """View, opacity, number of matches and threshold."""
    opens: gr.Accordion
    """Contains the threshold, which is off until this is opened."""
    meaning: gr.Markdown
    """Explains the threshold in words."""


def input_column(models: Models, sessions: Sessions) -> Form:
    folder = sessions.folder
    gr.Markdown(texts.EXAMPLES_HEADING, elem_classes='small')
    samples = [[path] for path in example_photos('query')]
    thumbnail = gr.Image(render=False, label='Query photo')
    examples = gr.Dataset(components=[thumbnail], samples=samples, type='index', show_label=False, elem_id='examples')
    with gr.Row(elem_id='yours'):
        with gr.Column(min_width=120, scale=2):
            gr.Markdown('## Query')
            query = gr.Gallery(
                sources=['upload', 'webcam', 'clipboard'], file_types=PICTURE_TYPES, label='Query photos', buttons=[],
                elem_id='query', **UPLOAD,
            )
        with gr.Column(min_width=150, scale=3):
            gr.Markdown('## Gallery')
            gallery = gr.Gallery(
                file_types=GALLERY_TYPES, label='Gallery photos', buttons=[], elem_id='gallery', **UPLOAD
            )
    add_cropping(models, sessions, [query, gallery], all_in='gallery')
    with gr.Accordion('A gallery as ZIP, a short video, or many files', open=False):
        archives = gr.File(
            label='ZIP archives, videos and photos, at most 250 MB each',
            file_count='multiple',
            file_types=ARCHIVE_TYPES,
            height=140,
            elem_id='archives',
        )
    text = f'Also search the {len(folder.files):,} photos on this machine' if folder else 'No folder was given'
    use_folder = gr.Checkbox(value=bool(folder), label=text, visible=bool(folder), elem_id='folder')
    part = filter_fields()
    model = gr.Radio(model_choices(models), value=models.names[0], label='Model', elem_id='model')
    beside = gr.Dropdown(beside_choices(models), value='', label='Second model', elem_id='beside')
    with gr.Row():
        button = gr.Button('Find matches', variant='primary', size='lg', elem_id='run', min_width=160)
        cancel = cancel_button('run')
    return Form(examples, [query, gallery, archives, use_folder, model], part, beside, button, cancel)


def settings() -> Settings:
    with gr.Accordion('Display options', open=True):
        view = gr.Radio(list(VIEWS), value=VIEWS[0], label='On each match', elem_id='view')
        with gr.Row():
            opacity = gr.Slider(0, 1, value=0.5, step=0.05, label='Opacity', elem_id='opacity', min_width=140)
            top_k = gr.Slider(1, MAX_SHOWN, value=8, step=1, label='Matches', elem_id='top_k', min_width=140)
    with gr.Accordion('Threshold: how similar is similar enough?', open=False, elem_id='threshold_part') as opens:
        threshold = gr.Slider(OFF, 1, value=OFF, step=0.01, label='Threshold', elem_id='threshold')
        meaning = gr.Markdown(elem_id='meaning')
    return Settings([view, opacity, top_k, threshold], opens, meaning)


def output_column() -> dict:
    """Return the result components by name."""
    found = {'status': gr.Markdown(texts.WELCOME, elem_id='status')}
    with gr.Column(visible=False, elem_id='results') as found['results']:
        found['chosen'] = gr.Dropdown([], label='Query', visible=False, elem_id='chosen')
        gr.Markdown('## The query, as the model sees it')
        found['seen'] = gr.Gallery(columns=4, buttons=[], label='The query', elem_id='seen', **PICTURES)
        gr.Markdown('## Best matches: click one to see why')
        labelled(colour_bar(), label='Colours from low to high', elem_id='bar', **STILL)
        gr.Markdown(texts.LEGEND, elem_classes='small')
        found |= _why()
        with gr.Row(elem_id='two'):
            with gr.Column(min_width=0):
                found['summary'] = gr.Markdown(elem_id='summary')
                found['matches'] = _matches('Matches', 'matches')
            with gr.Column(min_width=0, visible=False, elem_id='beside_part') as found['beside']:
                found['other_summary'] = gr.Markdown(elem_id='other_summary')
                found['others'] = _matches('Matches of the other model', 'others')
        gr.Markdown('## Whole ranking')
        found['table'] = gr.Dataframe(
            headers=list(HEADS),
            datatype=['number', 'str', 'str', 'str', 'str', 'str'],
            column_widths=['70px', '200px', '110px', '110px', '100px', '260px'],
            show_label=False,
            interactive=False,
            max_height=320,
            buttons=['fullscreen'],  # no copying: a spreadsheet might run a file name as a formula
            elem_id='table',
        )
        with gr.Row():
            found['csv'] = gr.DownloadButton('Download the ranking as CSV', size='md', elem_id='csv')
            found['zip'] = gr.DownloadButton('Ranking and pictures as ZIP', size='md', elem_id='zip')
    found['ranking'] = gr.State(time_to_live=texts.KEEP_SECONDS)
    return found


def _why() -> dict:
    with gr.Column(visible=False, elem_id='why') as why:
        because = gr.Markdown(elem_id='because')
        pair = labelled(interactive=False, label='Pair', buttons=['download', 'fullscreen'], elem_id='pair')
        evidence = gr.HTML(elem_id='evidence', apply_default_css=False)
    return dict(zip(WHY, (why, pair, because, evidence), strict=True))


def _matches(label: str, elem_id: str) -> gr.Gallery:
    return gr.Gallery(
        columns=2, buttons=['fullscreen'], allow_preview=False, label=label, elem_id=elem_id, elem_classes='matches',
        **PICTURES,
    )


def beside_choices(models: Models) -> list[tuple[str, str]]:
    """Return (label, name) of each loaded model, after an entry for none."""
    return [('No other model', ''), *model_choices(models)]


def model_choices(models: Models) -> list[tuple[str, str]]:
    """Return (label, name) of each loaded model."""
    return [(_label(name), name) for name in models.names]


def _label(name: str) -> str:
    if name not in list_bundled():
        return name
    label = VARIANTS[split_name(name.split('.')[0])[0]].label
    return f'{label[0].upper()}{label[1:]} \u2003 {name}'
