"""Tab Masks: show the parser's label map, correct it with a brush, and rank again."""

from functools import partial

import gradio as gr
import numpy as np
from PIL import Image

from ifd_zoo.explain.overlays import label_key, label_layer, read_layer
from ifd_zoo.gallery import example_photos
from ifd_zoo.labels import LABELS
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with
from ifd_zoo.page.files import error, one_photo, saving_images, user_errors
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.cropping import add_cropping
from ifd_zoo.page.tabs.hiding import PARTS
from ifd_zoo.page.tabs.mask_editor import EDITED_SIDE, mask_editor
from ifd_zoo.page.tabs.mask_ranking import HEADS, NO_MASK, Parsed, rank_again, rank_hidden
from ifd_zoo.page.tabs.rank_tab import RankTab
from ifd_zoo.page.theme import NETWORK, PHOTO, PICTURES, STILL, labelled, scroll_to


def to_editor(
    models: Models, sessions: Sessions, photo: dict | None, parser: str = ''
) -> tuple[dict | None, Parsed | None]:
    """Return the editor's value, the photo with its label map drawn over it, and which photo and parser it is."""
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
    """Return the label map as painted: (H, W) indices into `LABELS`, of the photo's size.

    Args:
        editor: the value of a gr.ImageEditor of type `pil`.

    Raises:
        gr.Error: there is no photo.
    """
    sessions.begin()  # not in `rank_again`, which continues this event
    if parsed is None or not editor or editor['background'] is None:
        raise error(NO_MASK)
    with user_errors():
        label_map = models.parse(*parsed)[1]
    for layer in editor['layers']:
        label_map = read_layer(layer, label_map)
    return label_map


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
                add_cropping(models, sessions, [photo])
                parser = gr.Dropdown(
                    models.parsers, value=models.parsers[0], label='Parser', info=texts.PARSERS, elem_id='mask_parser'
                )
                gr.Markdown(texts.MASK_KEY)
                labelled(label_key(), label=f'{texts.MASK_KEY} {", ".join(LABELS)}', elem_id='mask_key', **STILL)
            with gr.Column(scale=4, min_width=300):
                editor = mask_editor()
                with gr.Row():
                    button = gr.Button('Rank with this mask', variant='primary', size='lg', elem_id='mask_run')
                    cancel = cancel_button('mask')
                with gr.Row(elem_id='hide'):
                    hidden = [gr.Button(f'Hide the {part}', elem_id=f'hide_{part}', min_width=110) for part in PARTS]
        text = gr.Markdown(elem_id='mask_text')
        with gr.Row():
            pictures = [_pictures('Before'), _pictures('After')]
        table = _table()
        # Inside the tab, because gradio counts components between tabs as tabs.
        parsed, label_map = (gr.State(time_to_live=texts.KEEP_SECONDS) for _ in range(2))
    examples.click(
        lambda index: example_photos('query')[index], examples, photo, show_progress='hidden', api_visibility='private'
    )
    gr.on(
        [photo.change, parser.input], saving_images(sessions, partial(to_editor, models, sessions)), [photo, parser],
        [editor, parsed], preprocess=False, api_visibility='private', **NETWORK,
    )
    examples.click(fn=None, js=scroll_to('editor'))
    buttons, outputs = [button, *hidden, cancel], [text, *pictures, table]
    _wire_ranking(models, sessions, ranking, buttons, [parsed, editor, label_map], outputs)
    return tab


def _wire_ranking(
    models: Models, sessions: Sessions, ranking: RankTab, buttons: list, painted: list, outputs: list
) -> None:
    """Connect the buttons below the editor.

    Args:
        buttons: Rank with this mask, one for each of `PARTS`, and Cancel.
        painted: states of the parsed photo, the editor, and the state of the corrected label map.
    """
    (button, *hidden, cancel), (parsed, editor, label_map), text = buttons, painted, outputs[0]
    how = {'show_progress_on': text, 'api_visibility': 'private', **NETWORK}
    # Two events, because gradio decodes all inputs or none, and only the painting has to be decoded.
    read = button.click(partial(corrected_map, models, sessions), [parsed, editor], label_map, **how)
    again = saving_images(sessions, partial(rank_again, models, sessions))
    places = [ranking.model, *ranking.gallery]
    events = [read, read.success(again, [parsed, label_map, *places], outputs, preprocess=False, **how)]
    for part, press in zip(PARTS, hidden, strict=True):
        without = saving_images(sessions, partial(rank_hidden, models, sessions, part))
        events.append(press.click(without, [parsed, *places], outputs, preprocess=False, **how))
    for press in (button, *hidden):
        press.click(fn=None, js=scroll_to('mask_text'))
    stop_with(sessions, cancel, events, text)


def _pictures(label: str) -> gr.Gallery:
    with gr.Column(min_width=280):
        gr.Markdown(f'**{label}**')
        identity = {'elem_id': f'mask_{label.lower()}', 'elem_classes': 'pictures'}
        return gr.Gallery(columns=3, buttons=[], label=label, **identity, **PICTURES)


def _table() -> gr.Dataframe:
    widths = ['90px', '220px', '120px', '120px', '160px', '160px']
    identity = {'show_label': False, 'elem_id': 'mask_table', 'buttons': ['fullscreen']}  # as in the ranking
    return gr.Dataframe(headers=list(HEADS), column_widths=widths, interactive=False, **identity)
