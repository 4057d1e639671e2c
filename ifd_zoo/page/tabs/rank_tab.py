"""Tab Rank: rank a gallery for one or more queries."""

import time
from functools import partial
from typing import NamedTuple

import gradio as gr

from ifd_zoo.common.choices import FAST_MODEL
from ifd_zoo.gallery import LISTED, PhotoFile, SearchResult, example_photos, search
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import stop_with, stoppable
from ifd_zoo.page.files import (
    check_file,
    error,
    many_photos,
    photo_file,
    plain,
    report_skipped,
    saving_images,
    take_gallery,
    user_errors,
)
from ifd_zoo.page.guard.inputs import Clicked
from ifd_zoo.page.models import Models
from ifd_zoo.page.opening import example_result
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.gallery_filter import filter_gallery
from ifd_zoo.page.tabs.rank_layout import DRAWN, RESULTS, WHY, Form, Settings, input_column, output_column, settings
from ifd_zoo.page.tabs.rank_state import Ranking
from ifd_zoo.page.tabs.rank_views import check_view, explain_threshold, offer_threshold, redraw, show_pair
from ifd_zoo.page.theme import LIGHT, NETWORK, scroll_to
from ifd_zoo.uploads import Gallery

MAX_QUERIES = 20
ENDPOINT = {'api_name': 'rank', 'api_description': 'Rank a gallery for one or more query photos.'}
LARGE_GALLERY = 200  # photos from which a model without masks is suggested
UP_TO_DATE = "() => document.getElementById('results').classList.remove('stale')"
OUT_OF_DATE = "() => document.getElementById('results')?.classList.add('stale')"
BAD_QUERY = 'The query photo cannot be used. '


class RankTab(NamedTuple):
    tab: gr.Tab
    gallery: list
    """Components of the gallery, shared with other tabs: photos, archives, whether to use the `--gallery` folder."""
    model: gr.Radio
    beside: gr.Dropdown


def rank(
    models: Models,
    sessions: Sessions,
    queries: list | None,
    gallery: list | None,
    archives: list | None,
    use_folder: bool,
    model: str,
    view: str,
    opacity: float,
    top_k: float,
    threshold: float,
    persons: str = '',
    cameras: str = '',
    since: str = '',
    until: str = '',
    beside: str = '',
) -> tuple:
    """Rank the gallery for each query; return the values of `RESULTS`.

    Gradio makes each parameter a named argument of the endpoint `/rank`.

    Args:
        beside: second model that ranks the same gallery; empty for none.

    Raises:
        gr.Error: an input is missing or cannot be used.
    """
    sessions.begin()
    check_view(view)
    wanted = _take_queries(sessions, queries)
    started, progress = time.monotonic(), gr.Progress()
    progress(0, desc='Reading the gallery')
    with user_errors():
        names = list(dict.fromkeys(filter(None, (model, beside))))
        models.require(*names)
        found = filter_gallery(take_gallery(sessions, gallery, archives, use_folder), persons, cameras, since, until)
        progress(0, desc='Waiting for the model')
    results = _search(models, sessions, names, wanted, found, use_folder)
    watched = frozenset(sessions.folder.files if use_folder and sessions.folder else ())
    rankings = [
        Ranking(name, result.queries, found.files, found.labels, watched=watched)
        for name, result in zip(names, results, strict=True)
    ]
    status = _status(models, names, found, results[0], time.monotonic() - started)
    places = [(f'{place}: {one.name}', place - 1) for place, one in enumerate(results[0].queries, 1)]
    chosen = gr.Dropdown(places, value=0, visible=len(places) > 1)
    shown = redraw(models, sessions, rankings, 0, view, opacity, top_k, threshold)
    return status, gr.Column(visible=True), *shown, chosen, rankings, gr.Column(visible=False)


def _search(
    models: Models,
    sessions: Sessions,
    names: list[str],
    queries: list[PhotoFile],
    gallery: Gallery,
    use_folder: bool,
) -> list[SearchResult]:
    """Rank the gallery with each model."""
    with user_errors():
        predictors = [models.get(name) for name in names]
        tell = stoppable(sessions, 'Embedding the gallery', len(gallery.files))
        for predictor in predictors if use_folder else ():
            models.update_index(predictor, tell)
    with user_errors(BAD_QUERY), models.busy:
        return [search(predictor, queries, gallery.files, tell, models.embed) for predictor in predictors]


def _take_queries(sessions: Sessions, queries: list | None) -> list[PhotoFile]:
    photos = many_photos(queries)
    if not photos:
        raise error('There is no query photo yet: upload one, or click an example.')
    if len(photos) > MAX_QUERIES:
        raise error(f'{len(photos)} queries are too many at once; give at most {MAX_QUERIES}.')
    sessions.claim(*(photo.path for photo in photos))
    return [check_file(photo, BAD_QUERY) for photo in photos]


def _status(models: Models, names: list[str], found: Gallery, result: SearchResult, seconds: float) -> str:
    """Write the status: photos searched, models, time, and remarks."""
    by = ' and '.join(map(plain, names))
    remarks = [f'**Ranked {result.searched:,} photos** by {by} in {seconds:.1f} s.']
    if result.searched > LISTED:
        remarks.append(f'The best {LISTED:,} are listed.')
    model = models.get(names[0]).model
    if model.needs_mask and result.searched >= LARGE_GALLERY and FAST_MODEL in models.names:
        remarks.append(f'{plain(FAST_MODEL)} needs no masks and searches galleries of this size faster.')
    if not model.gives_attention:
        remarks.append('This model has no attention stream, so there is no attention map.')
    remarks += report_skipped(found.skipped + result.skipped, len(found.files) + len(found.skipped))
    return '\n\n'.join(remarks)


def build(models: Models, sessions: Sessions) -> RankTab:
    with gr.Tab('Rank', id='rank') as tab:
        gr.Markdown(texts.INTRO, elem_id='intro')
        example_result.build()
        with gr.Row(elem_id='search', elem_classes='places'):
            with gr.Column(elem_classes='place-form'):
                form = input_column(models, sessions)
            with gr.Column(elem_classes='place-result'):
                outputs = output_column()
            with gr.Column(elem_classes='place-settings'):
                shown = settings()
    _wire(models, sessions, form, shown, outputs)
    return RankTab(tab, form.inputs[1:4], form.inputs[4], form.beside)


def _wire(models: Models, sessions: Sessions, form: Form, shown: Settings, outputs: dict) -> None:
    examples, inputs, part, beside, button, cancel = form
    given = [outputs[key] for key in RESULTS]
    run = {
        'fn': saving_images(sessions, partial(rank, models, sessions)),
        'inputs': [*inputs, *shown.wishes, *part, beside],
        'outputs': given,
        'preprocess': False,
        'show_progress_on': outputs['status'],
        **NETWORK,
    }
    fill = examples.click(
        partial(_example, models), [examples, inputs[4]], [*inputs[:3], beside], show_progress='hidden',
        preprocess=False, api_visibility='private',
    )  # fmt: skip
    searches = [button.click(**run, **ENDPOINT), fill.success(**run, api_visibility='private')]
    for searched in searches:
        searched.then(fn=None, js=scroll_to('status')).then(fn=None, js=UP_TO_DATE)
    stop_with(sessions, cancel, searches, outputs['status'])
    for one in inputs[:3]:  # so that uploads are deleted with their visitor even if never searched
        one.upload(partial(_note, sessions), inputs[:3], None, preprocess=False, api_visibility='private', **LIGHT)
    for started in (button, examples):
        started.click(fn=None, js=scroll_to('status'))
    for choice in (inputs[4], beside):
        choice.input(fn=None, js=OUT_OF_DATE)
    _wire_views(models, sessions, shown, outputs)


def _wire_views(models: Models, sessions: Sessions, shown: Settings, outputs: dict) -> None:
    """Connect the display options and clicks on matches to the results."""
    wished = [outputs['ranking'], outputs['chosen'], *shown.wishes]
    view, opacity, top_k, threshold = shown.wishes
    raw = {'preprocess': False, 'api_visibility': 'private', **LIGHT}
    draw = {
        'fn': saving_images(sessions, partial(_redraw_if_any, models, sessions)), 'inputs': wished,
        'outputs': [outputs[key] for key in DRAWN], **raw,
    }  # fmt: skip
    gr.on([outputs['chosen'].input, view.input, opacity.release, top_k.release, threshold.release], **draw)
    ask = {'inputs': [outputs['ranking'], threshold], 'outputs': shown.meaning, 'api_visibility': 'private', **NETWORK}
    threshold.release(partial(explain_threshold, models), show_progress='hidden', **ask)
    offered = shown.opens.expand(
        partial(offer_threshold, models), outputs['ranking'], [threshold, shown.meaning], api_visibility='private',
        **NETWORK,
    )  # fmt: skip
    offered.success(**draw)
    for which, name in enumerate(('matches', 'others')):
        # Not a partial: gradio finds the event parameter by its annotation, which it does not see in a partial.
        def selected(rankings, chosen, view, opacity, top_k, threshold, event: Clicked, which=which):
            return show_pair(models, sessions, rankings, which, event.index, chosen, view, opacity, top_k, threshold)

        pair = outputs[name].select(selected, wished, [outputs[key] for key in WHY], **raw)
        pair.then(fn=None, js=scroll_to('pair'))


def _note(sessions: Sessions, queries: list | None, gallery: list | None, archives: list | None) -> None:
    uploads = [*many_photos(queries), *many_photos(gallery), *map(photo_file, archives or [])]
    sessions.claim(*(photo.path for photo in uploads))


def _redraw_if_any(models: Models, sessions: Sessions, rankings: list[Ranking] | None, *wishes: object) -> tuple:
    return redraw(models, sessions, rankings, *wishes) if rankings else tuple([gr.skip()] * len(DRAWN))


def _example(models: Models, index: int, model: str) -> tuple[list[str], list[str], None, str]:
    """Return the example query and gallery, no archives, and a second model to compare with the chosen one."""
    beside = next((name for name in models.pair() if name != model), '')
    return [example_photos('query')[index]], example_photos('gallery'), None, beside
