"""Masks: see what the parser takes for clothing, correct it with a brush, and rank again."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import gradio as gr
import numpy as np
from fastapi import HTTPException
from gradio.components.base import server
from gradio.data_classes import DataWithFiles
from PIL import Image

from ifd_zoo.explain.overlays import label_key, label_layer, read_layer, views
from ifd_zoo.gallery import PhotoFile, QueryResult, example_photos, search
from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.masks import class_mask
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with, stoppable
from ifd_zoo.page.files import (
    error,
    handing_over,
    one_photo,
    take_gallery_or_examples,
    tell_skipped,
    user_errors,
)
from ifd_zoo.page.models import Models
from ifd_zoo.page.rank_tab import RankTab
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.theme import NETWORK, PHOTO, PICTURES, STILL, labelled
from ifd_zoo.recent import Recent
from ifd_zoo.recolour.colour import to_hex

EDITED_SIDE = 640  # pixels of the picture to paint on
PAINTINGS = 64  # of all visitors
PAINTED_BYTES = 4 * EDITED_SIDE**2  # of one picture: more than the pixels
SHOWN = 10  # lines of the table
NO_MASK = 'There is no mask to rank with: give a photo, and wait for its classes.'
HEADS = ('File', 'Rank before', 'Rank after', 'Similarity before', 'Similarity after')


class Parsed(NamedTuple):
    """A photo on which masks are painted."""

    file: PhotoFile
    parser: str


def to_editor(
    models: Models, sessions: Sessions, photo: dict | None, parser: str = ''
) -> tuple[dict | None, Parsed | None]:
    """The photo under its label map, to paint on; and what it is."""
    if not photo:
        return None, None
    file = one_photo(photo, 'photo')
    sessions.claim(file.path)
    gr.Progress()(0, desc='Parsing')
    with user_errors():
        image, label_map = models.parse(file, parser)
    picture = Image.alpha_composite(image.convert('RGBA'), label_layer(label_map))
    picture.thumbnail((EDITED_SIDE, EDITED_SIDE))
    return {'background': picture.convert('RGB'), 'layers': [], 'composite': None}, Parsed(file, parser)


def corrected_map(models: Models, sessions: Sessions, parsed: Parsed | None, editor: dict | None) -> np.ndarray:
    """The label map (H, W) in `LABELS`, of the photo's size, as it was painted.

    Args:
        editor: the value of a gr.ImageEditor of type `pil`.

    Raises:
        gr.Error: there is no photo.
    """
    sessions.begin()  # and not in `rank_again`, which goes on with this event
    if parsed is None or not editor or editor['background'] is None:
        raise error(NO_MASK)
    with user_errors():
        label_map = models.parse(*parsed)[1]
    for layer in editor['layers']:
        label_map = read_layer(layer, label_map)
    return label_map


def rank_again(
    models: Models,
    sessions: Sessions,
    parsed: Parsed | None,
    label_map: np.ndarray | None,
    model: str,
    *places: object,
) -> tuple[str, list, list, list]:
    """What the corrected mask changes: in words, as pictures before and after, and in the ranking.

    Args:
        label_map: by `corrected_map`.
        places: gallery photos, archives and whether to use the folder of the start.

    Raises:
        gr.Error: something is missing or unusable.
    """
    with user_errors():
        models.require(model)
    if parsed is None or label_map is None:
        raise error(NO_MASK)
    gr.Progress()(0, desc='Ranking twice')
    files, _, skipped = take_gallery_or_examples(sessions, *places)
    with user_errors():
        _, original = models.parse(*parsed)
        predictor = models.get(model)
        tell = stoppable(sessions, 'Looking at the gallery', len(files))
        if places[2]:
            models.update_index(predictor, tell)
        with models.busy:
            result = search(predictor, [parsed.file] * 2, files, tell, models.embed, [original, label_map])
    before, after = result.queries
    share = float((label_map != original).mean())
    text = f'**{share:.1%}** of the photo has another class than the parser gave it.'
    if not predictor.model.needs_mask:
        text += ' This model does not use the mask, so nothing moves: choose one with attention in the tab Rank.'
    told = tell_skipped(skipped + result.skipped, len(files) + len(skipped))
    return '\n\n'.join([text, *told]), _views(before), _views(after), _rows(before, after)


def _views(one: QueryResult) -> list:
    return views(one.photo_view.photo, one.photo_view.attention, class_mask(one.photo_view.label_map))


def _rows(before: QueryResult, after: QueryResult) -> list[list]:
    """List the best by the corrected mask, under `HEADS`."""
    old = {found.index: (place, found.similarity) for place, found in enumerate(before.ranking, 1)}
    return [
        [found.name, old[found.index][0], place, f'{old[found.index][1]:.4f}', f'{found.similarity:.4f}']
        for place, found in enumerate(after.ranking[:SHOWN], 1)
    ]


def build(models: Models, sessions: Sessions, ranking: RankTab) -> gr.Tab:
    with gr.Tab('Masks', id='masks') as tab:
        gr.Markdown(texts.MASKS)
        with gr.Row():
            with gr.Column(scale=2, min_width=240):
                thumbnail = gr.Image(render=False, label='Photo')
                examples = gr.Dataset(
                    components=[thumbnail], samples=[[path] for path in example_photos('query')], type='index',
                    show_label=False, elem_id='mask_examples', elem_classes='examples',
                )
                photo = labelled(label='Photo', elem_id='mask_photo', **PHOTO)
                parser = gr.Dropdown(
                    models.parsers, value=models.parsers[0], label='Parser', info=texts.PARSERS, elem_id='mask_parser'
                )
                gr.Markdown(texts.MASK_KEY)
                labelled(label_key(), label=f'{texts.MASK_KEY} {", ".join(LABELS)}', elem_id='mask_key', **STILL)
            with gr.Column(scale=4, min_width=300):
                editor = _editor()
                with gr.Row():
                    button = gr.Button('Rank with this mask', variant='primary', size='lg', elem_id='mask_run')
                    cancel = cancel_button('mask')
        text = gr.Markdown(elem_id='mask_text')
        with gr.Row():
            pictures = [_pictures('Before'), _pictures('After')]
        table = _table()
        # Inside, since gradio counts what lies between tabs as one of them.
        parsed, label_map = (gr.State(time_to_live=texts.KEEP_SECONDS) for _ in range(2))
    examples.click(
        lambda index: example_photos('query')[index], examples, photo, show_progress='hidden', api_visibility='private'
    )
    gr.on(
        [photo.change, parser.input], handing_over(sessions, partial(to_editor, models, sessions)), [photo, parser],
        [editor, parsed], preprocess=False, api_visibility='private', **NETWORK,
    )
    # Twice, since gradio decodes either all of the inputs or none, and what was painted comes decoded only.
    read = button.click(
        partial(corrected_map, models, sessions), [parsed, editor], label_map, show_progress_on=text,
        api_visibility='private', **NETWORK,
    )
    ranked = read.success(
        handing_over(sessions, partial(rank_again, models, sessions)),
        [parsed, label_map, ranking.model, *ranking.gallery],
        [text, *pictures, table],
        preprocess=False,
        show_progress_on=text,
        api_visibility='private',
        **NETWORK,
    )
    stop_with(sessions, cancel, [read, ranked], text)
    return tab


def _pictures(label: str) -> gr.Gallery:
    with gr.Column(min_width=280):
        gr.Markdown(f'**{label}**')
        identity = {'elem_id': f'mask_{label.lower()}', 'elem_classes': 'pictures'}
        return gr.Gallery(columns=3, buttons=[], label=label, **identity, **PICTURES)


def _table() -> gr.Dataframe:
    widths = ['220px', '120px', '120px', '160px', '160px']
    identity = {'show_label': False, 'elem_id': 'mask_table', 'buttons': ['fullscreen']}  # as the ranking's
    return gr.Dataframe(headers=list(HEADS), column_widths=widths, interactive=False, **identity)


def _editor() -> gr.ImageEditor:
    colours = [to_hex(colour) for colour in PALETTE]
    upper = colours[LABELS.index('upper')]
    editor = gr.ImageEditor(
        type='pil',
        label='Mask',
        sources=[],
        transforms=[],
        brush=gr.Brush(default_size=14, colors=colours, default_color=upper, color_mode='fixed'),
        eraser=gr.Eraser(default_size=18),
        layers=gr.LayerOptions(allow_additional_layers=False, disabled=True),
        format='png',
        height=620,
        elem_id='editor',
    )
    editor.blob_storage = Recent(PAINTINGS)  # what a visitor painted waits here, also if it is never asked for
    editor.accept_blobs = bounded(editor.accept_blobs)
    return editor


def bounded(accept: Callable) -> Callable:
    """What takes in the pictures of an editor, which anybody may send, before they are read: nothing beyond its own."""

    @server
    def run(data: DataWithFiles) -> object:
        if not isinstance(data, DataWithFiles) or not isinstance(data.data, dict):
            raise HTTPException(400, 'pictures of a mask come as a form, as gradio\'s editor sends them')
        layer = str(data.data.get('index') or 0)
        if layer not in ('0', 'null') or any(len(content) > PAINTED_BYTES for _, content in data.files):
            raise HTTPException(413, f'a mask is one layer of at most {PAINTED_BYTES:,} bytes')
        return accept(data)

    return run
