"""Rank: one or more queries against a gallery."""

import time
from functools import partial
from typing import NamedTuple

import gradio as gr

from ifd_zoo.explain.overlays import VIEWS
from ifd_zoo.gallery import LISTED, PhotoFile, example_photos, search
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import stop_with, stoppable
from ifd_zoo.page.door import Clicked
from ifd_zoo.page.files import (
    checked,
    error,
    handing_over,
    many_photos,
    photo_file,
    save_picture,
    take_gallery,
    tell_skipped,
    user_errors,
    write_results,
)
from ifd_zoo.page.models import Models
from ifd_zoo.page.narrowing import narrowed
from ifd_zoo.page.rank_layout import Form, input_column, output_column
from ifd_zoo.page.rank_state import HEADS, DisplayOptions, Ranking
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.theme import LIGHT, NETWORK, SHOW_PAIR, SHOW_RESULTS, labelled
from ifd_zoo.predictor import Predictor

MAX_QUERIES = 20
BAD_QUERY = 'The query photo cannot be used. '


class RankTab(NamedTuple):
    tab: gr.Tab
    gallery: list
    """Components of the gallery that other tabs search as well: photos, archives, folder of the start."""
    model: gr.Radio


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
) -> tuple:
    """Values for the page's result components.

    So many parameters because gradio makes each the named argument of the endpoint `/rank`.

    Raises:
        gr.Error: there is nothing to search for, or nothing to search in.
    """
    sessions.begin()
    _check_view(view)
    wanted = _take_queries(sessions, queries)
    started, progress = time.monotonic(), gr.Progress()
    progress(0, desc='Reading the gallery')
    with user_errors():
        models.require(model)
        found = narrowed(take_gallery(sessions, gallery, archives, use_folder), persons, cameras, since, until)
        progress(0, desc='Waiting for the model')
        predictor = models.get(model)
        tell = stoppable(sessions, 'Looking at the gallery', len(found.files))
        if use_folder:
            models.update_index(predictor, tell)
    with user_errors(BAD_QUERY), models.busy:
        result = search(predictor, wanted, found.files, tell, models.embed)
    watched = frozenset(sessions.folder.files if use_folder and sessions.folder else ())
    ranking = Ranking(model, result.queries, found.files, found.labels, watched=watched)
    status = [f'**Ranked {result.searched:,} photos** in {time.monotonic() - started:.1f} s.']
    status += _remarks(predictor, result.searched)
    status += tell_skipped(found.skipped + result.skipped, len(found.files) + len(found.skipped))
    names = [(f'{place}: {one.name}', place - 1) for place, one in enumerate(result.queries, 1)]
    chosen = gr.Dropdown(names, value=0, visible=len(names) > 1)
    shown = redraw(models, sessions, ranking, 0, view, opacity, top_k, threshold)
    return '\n\n'.join(status), gr.Column(visible=True), *shown, chosen, ranking, gr.Image(None, visible=False)


def _take_queries(sessions: Sessions, queries: list | None) -> list[PhotoFile]:
    photos = many_photos(queries)
    if not photos:
        raise error('There is no query photo yet: upload one, or click an example.')
    if len(photos) > MAX_QUERIES:
        raise error(f'{len(photos)} queries are too many at once; give at most {MAX_QUERIES}.')
    sessions.claim(*(photo.path for photo in photos))
    return [checked(photo, BAD_QUERY) for photo in photos]


def _remarks(predictor: Predictor, searched: int) -> list[str]:
    remarks = []
    if searched > LISTED:
        remarks.append(f'The best {LISTED:,} are listed.')
    if not predictor.model.needs_mask:
        remarks.append('This model has no attention stream, so there is no attention map.')
    return remarks


def redraw(models: Models, sessions: Sessions, ranking: Ranking | None, *wishes: object) -> tuple:
    """Values of what changes when a visitor wants to see something else of the same ranking.

    Args:
        wishes: place of the query, view, opacity, number of matches and threshold.
    """
    options = _display_options(ranking, *wishes)
    with user_errors():
        pictures = ranking.pictures(models, options)
        rows = ranking.rows(options)
    files = write_results(sessions, rows, [head.lower() for head in HEADS], pictures)
    return ranking.seen(options), pictures, ranking.summary(options), rows, *files


def show_pair(
    models: Models, sessions: Sessions, ranking: Ranking | None, place: int, *wishes: object
) -> gr.Image:
    """The match that was clicked, beside its query; wishes as of `redraw`."""
    options = _display_options(ranking, *wishes)
    listed = ranking.queries[options.chosen].ranking
    if place >= len(listed):
        raise error(f'There is no match {place + 1}: the ranking has {len(listed)}.')
    found = listed[place]
    with user_errors():
        picture = ranking.pair(models, options, place)
    return labelled(save_picture(sessions, picture), visible=True, label=f'Query, and #{place + 1}: {found.name}')


def _display_options(
    ranking: Ranking | None, chosen: int | None, view: str, opacity: float, top_k: float, threshold: float
) -> DisplayOptions:
    if ranking is None:
        raise error('The results of this page are gone: rank again.')
    if (chosen or 0) not in range(len(ranking.queries)):
        raise error('That query is not of this ranking: choose one of the list.')
    _check_view(view)
    return DisplayOptions(chosen or 0, view, float(opacity), int(top_k), float(threshold))


def _check_view(view: str) -> None:
    if view not in VIEWS:
        raise error(f'Choose what to show: {", ".join(VIEWS)}.')


def build(models: Models, sessions: Sessions) -> RankTab:
    with gr.Tab('Rank', id='rank') as tab:
        gr.Markdown(texts.INTRO, elem_id='intro')
        with gr.Row(elem_id='search'):
            with gr.Column(scale=4, min_width=300):
                form = input_column(models, sessions.folder)
            with gr.Column(scale=7, min_width=300):
                outputs = output_column()
    _wire(models, sessions, form, outputs)
    return RankTab(tab, form.inputs[1:4], form.inputs[4])


def _wire(models: Models, sessions: Sessions, form: Form, outputs: dict) -> None:
    examples, inputs, wishes, part, button, cancel = form
    run = {
        'fn': handing_over(sessions, partial(rank, models, sessions)),
        'inputs': [*inputs, *wishes, *part],
        'outputs': list(outputs.values()),
        'preprocess': False,
        'show_progress_on': outputs['status'],
        **NETWORK,
    }
    fill = examples.click(_example, examples, inputs[:3], show_progress='hidden', api_visibility='private')
    searches = [button.click(**run, api_name='rank'), fill.success(**run, api_visibility='private')]
    for searched in searches:
        searched.then(fn=None, js=SHOW_RESULTS)
    stop_with(sessions, cancel, searches, outputs['status'])
    for given in inputs[:3]:  # so that a photo goes with its visitor also if it is never searched for
        noted = [inputs[0], inputs[1], inputs[2]]
        given.upload(partial(_note, sessions), noted, None, preprocess=False, api_visibility='private', **LIGHT)
    for started in (button, examples):
        started.click(fn=None, js=SHOW_RESULTS)
    shown = [outputs['ranking'], outputs['chosen'], *wishes]
    view, opacity, top_k, threshold = wishes
    drawn = [outputs[key] for key in ('seen', 'matches', 'summary', 'table', 'csv', 'zip')]
    changes = [outputs['chosen'].input, view.input, opacity.release, top_k.release, threshold.release]
    raw = {'preprocess': False, 'api_visibility': 'private', **LIGHT}
    gr.on(changes, handing_over(sessions, partial(_redraw_if_any, models, sessions)), shown, drawn, **raw)

    # Gradio finds the parameter for the event by its annotation, which it does not look for in a partial.
    def selected(ranking, chosen, view, opacity, top_k, threshold, event: Clicked):
        return show_pair(models, sessions, ranking, event.index, chosen, view, opacity, top_k, threshold)

    pair = outputs['matches'].select(selected, shown, outputs['pair'], **raw)
    pair.then(fn=None, js=SHOW_PAIR)


def _note(sessions: Sessions, queries: list | None, gallery: list | None, archives: list | None) -> None:
    uploads = [*many_photos(queries), *many_photos(gallery), *map(photo_file, archives or [])]
    sessions.claim(*(photo.path for photo in uploads))


def _redraw_if_any(models: Models, sessions: Sessions, ranking: Ranking | None, *wishes: object) -> tuple:
    return tuple([gr.skip()] * 6) if ranking is None else redraw(models, sessions, ranking, *wishes)


def _example(index: int) -> tuple[list[str], list[str], None]:
    return [example_photos('query')[index]], example_photos('gallery'), None
