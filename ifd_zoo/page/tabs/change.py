"""Tab Change clothes: recolour the clothes in a photo, and measure how the similarities change."""

from functools import partial

import gradio as gr
import numpy as np
from PIL import Image

from ifd_zoo.explain.overlays import DRAWN_SIDE, label_layer
from ifd_zoo.gallery import example_photos
from ifd_zoo.labels import LABELS
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with
from ifd_zoo.page.files import one_photo, saving_images, user_errors
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.cropping import add_cropping
from ifd_zoo.page.tabs.edits import make_edit
from ifd_zoo.page.tabs.rank_layout import model_choices
from ifd_zoo.page.tabs.rank_tab import RankTab
from ifd_zoo.page.tabs.sensitivity import MAX_COMPARED, measure
from ifd_zoo.page.theme import LIGHT, NETWORK, PHOTO, RESULT, labelled, scroll_to
from ifd_zoo.recolour import PATTERNS, TOP

ENDPOINT = {'api_name': 'recolour', 'api_description': 'Recolour the clothes in a photo.'}
CLASSES = ('upper', 'lower', 'dress', 'coat', 'shoes', 'bag')


def recolour(
    models: Models,
    sessions: Sessions,
    photo: dict | None,
    classes: list[str],
    colour: str,
    pattern: str,
    second: str,
    scale: float,
    swap: bool,
) -> tuple[Image.Image, str]:
    """Recolour the photo's clothes; return it with a sentence about the clothes found.

    Raises:
        gr.Error: there is no usable photo, or the controls do not make a valid edit.
    """
    file = one_photo(photo, 'photo')
    sessions.claim(file.path)
    with user_errors():
        image, label_map = models.parse(file)
        found = _found(label_map)
        edit = make_edit(classes, colour, pattern, second, scale, swap)
        if not edit.applies(label_map):
            wanted = 'both a top and a bottom' if swap else ' or '.join(edit.classes)
            return image, f'{found} Nothing changed: the photo shows no {wanted}.'
        return edit.apply(image, label_map), found


def _found(label_map: np.ndarray) -> str:
    names = [LABELS[value] for value in np.unique(label_map) if LABELS[value] in CLASSES]
    return f'Found: {", ".join(names)}.' if names else 'The parser found no clothes in this photo.'


def draw_label_map(models: Models, photo: dict | None) -> Image.Image | None:
    """Draw the label map over the photo."""
    if not photo:
        return None
    with user_errors():
        image, label_map = models.parse(one_photo(photo, 'photo'))
    picture = image.convert('RGBA')
    picture.alpha_composite(label_layer(label_map))
    picture.thumbnail((2 * DRAWN_SIDE, 2 * DRAWN_SIDE))
    return picture.convert('RGB')


def _input() -> tuple:
    thumbnail = gr.Image(render=False, label='Photo')
    examples = gr.Dataset(
        components=[thumbnail], samples=[[path] for path in example_photos('query')], type='index', show_label=False,
        elem_id='change_examples', elem_classes='examples',
    )
    photo = labelled(label='Photo', elem_id='change_photo', **PHOTO)
    return examples, photo


def _controls(models: Models) -> tuple:
    classes = gr.CheckboxGroup(list(CLASSES), value=list(TOP), label='Change', elem_id='change_classes')
    with gr.Row():
        colour = gr.ColorPicker('#b3202a', label='Colour', elem_id='change_colour', min_width=100)
        second = gr.ColorPicker('#ece6da', label='Second colour', elem_id='change_second', min_width=100)
    pattern = gr.Radio(list(PATTERNS), value='plain', label='Pattern', elem_id='change_pattern')
    scale = gr.Slider(0.02, 0.2, value=0.05, step=0.01, label='Pattern size')
    swap = gr.Checkbox(False, label='Swap the looks of top and bottom instead', elem_id='change_swap')
    apply = gr.Button('Apply the change', elem_id='change_apply')
    chosen = gr.Dropdown(
        model_choices(models), value=models.pair(), multiselect=True, max_choices=MAX_COMPARED,
        label='Models to measure', elem_id='change_models',
    )
    with gr.Row():
        button = gr.Button('Measure', variant='primary', size='lg', elem_id='measure')
        cancel = cancel_button('measure')
    gr.Markdown(texts.MEASURE)
    return [classes, colour, pattern, second, scale, swap], chosen, apply, [button, cancel]


def build(models: Models, sessions: Sessions, ranking: RankTab) -> tuple[gr.Tab, list[gr.Dropdown]]:
    """Build the tab; return it with its model dropdowns."""
    with gr.Tab('Change clothes', id='change') as tab:
        gr.Markdown(texts.CHANGE)
        with gr.Row(elem_classes=['places', 'changing']):
            with gr.Column(elem_classes='place-form'):
                examples, photo = _input()
                add_cropping(models, sessions, [photo])
            with gr.Column(elem_classes='place-result'):
                with gr.Row():
                    edited = labelled(label='In other clothes', elem_id='edited', min_width=100, **RESULT)
                    shown = labelled(label='Classes', elem_id='change_map', min_width=100, **RESULT)
                found = gr.Markdown(elem_id='found')
            with gr.Column(elem_classes='place-settings'):
                controls, chosen, apply, (button, cancel) = _controls(models)
            with gr.Column(elem_classes='place-more'):
                tops = gr.HTML(elem_id='tops', apply_default_css=False)
                bars = gr.HTML(elem_id='sensitivities', apply_default_css=False)
                numbers = gr.Markdown(elem_id='sensitivity')
                chart = {'visible': False, 'container': True, 'show_label': False, 'elem_classes': 'chart'}
                own = gr.HTML(label='This change', elem_id='own_chart', **chart)
                fixed = gr.HTML(label='The fixed wardrobe: twelve changes', elem_id='fixed_chart', **chart)
    inputs = {'inputs': [photo, *controls], 'outputs': [edited, found], 'preprocess': False}
    edit = {**inputs, 'trigger_mode': 'always_last'}
    live, change, look = (
        saving_images(sessions, function)
        for function in (
            partial(_live, models, sessions), partial(recolour, models, sessions), partial(draw_label_map, models)
        )
    )
    photo.change(look, photo, shown, preprocess=False, api_visibility='private', **NETWORK).then(
        live, **edit, api_visibility='private', **LIGHT
    )
    gr.on([control.change for control in controls], live, **edit, api_visibility='private', **LIGHT)
    apply.click(change, **inputs, show_progress_on=edited, **ENDPOINT, **NETWORK)
    examples.click(_example, examples, photo, show_progress='hidden', api_visibility='private')
    measured = button.click(
        partial(measure, models, sessions),
        [photo, *controls, chosen, *ranking.gallery],
        [own, fixed, numbers, tops, bars],
        preprocess=False,
        show_progress_on=tops,
        api_visibility='private',
        **NETWORK,
    )
    button.click(fn=None, js=scroll_to('tops'))
    measured.success(fn=None, js=scroll_to('tops'))
    apply.click(fn=None, js=scroll_to('edited'))
    stop_with(sessions, cancel, [measured], numbers)
    return tab, [chosen]


def _live(models: Models, sessions: Sessions, photo: dict | None, *values: object) -> tuple:
    return recolour(models, sessions, photo, *values) if photo else (None, '')


def _example(index: int) -> str:
    return example_photos('query')[index]
