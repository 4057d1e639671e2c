"""Tab Compare: Fig. 3 of the paper for any three photos and two models."""

from functools import partial

import gradio as gr

from ifd_zoo.gallery import PHOTO_SIDE
from ifd_zoo.images.loading import load_image
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with
from ifd_zoo.page.files import error, one_photo, plain, saving_images, user_errors
from ifd_zoo.page.model_comparison import ROLES, Comparison
from ifd_zoo.page.model_comparison import compare as compare_models
from ifd_zoo.page.models import Models
from ifd_zoo.page.opening.answers import example_triples
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.cropping import add_cropping
from ifd_zoo.page.tabs.rank_layout import model_choices
from ifd_zoo.page.tabs.why_match import bars, explain_match
from ifd_zoo.page.theme import NETWORK, PHOTO, PICTURES, labelled, scroll_to

BARS = 'Evidence for the match of anchor and same person'
ENDPOINT = {'api_name': 'compare', 'api_description': 'Compare two models on three photos, as in Fig. 3 of the paper.'}
SHOWN_SIDE = 512  # pixels of the drawn photos


def compare(
    models: Models,
    sessions: Sessions,
    anchor: dict | None,
    positive: dict | None,
    negative: dict | None,
    first: str,
    second: str,
) -> tuple[str, list, str, list, str, str]:
    """Return verdict and Grad-CAM of the three photos for each of two models, then the evidence of both as HTML.

    Raises:
        gr.Error: a photo or a model is missing or unusable.
    """
    files = [one_photo(value, what) for value, what in zip((anchor, positive, negative), ROLES, strict=True)]
    if not first or not second:
        raise error('Choose two models.')
    sessions.claim(*(file.path for file in files))
    gr.Progress()(0, desc='Analysing the photos')
    with user_errors():
        models.require(first, second)
        photos = [load_image(file.path, file.name, PHOTO_SIDE) for file in files]
        for photo in photos:
            photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        predictors = {name: models.get(name) for name in (first, second)}
        with models.busy:
            found = {one.name: one for one in compare_models(predictors, photos)}
    shown = [_shown(found[name]) for name in (first, second)]
    return *(part for one in shown for part in one[:2]), *(one[2] for one in shown)


def _shown(one: Comparison) -> tuple[str, list, str]:
    """Return the verdict, captioned images, and the evidence as HTML."""
    right = one.similarities[0] > one.similarities[1]
    # Rounded first, so that the margin is the difference of the figures beside it.
    positive, negative = (round(value, 3) for value in one.similarities)
    verdict = 'ranks the **same person** first' if right else 'ranks the **other person** first'
    numbers = f'same person {positive:.3f}, other person {negative:.3f}, margin {positive - negative:+.3f}'
    captions = (ROLES[0], f'{ROLES[1]}: {positive:.3f}', f'{ROLES[2]}: {negative:.3f}')
    mark = '\u2713' if right else '\u2717'
    text = f'{mark} {plain(one.name)} {verdict}: {numbers}. {explain_match(one.shares)}'
    return text, list(zip(one.pictures, captions, strict=True)), bars(BARS, one.shares)


def build(models: Models, sessions: Sessions) -> tuple[gr.Tab, list[gr.Dropdown]]:
    """Build the tab; return it with its model dropdowns."""
    with gr.Tab('Compare', id='compare') as tab:
        gr.Markdown(texts.COMPARE)
        triples = [[str(path) for path in triple] for triple in example_triples()]
        thumbnail = gr.Image(render=False, label='Example')
        samples = [[triple[0]] for triple in triples]
        examples = gr.Dataset(
            components=[thumbnail], samples=samples, type='index', show_label=False, elem_id='compare_examples',
            elem_classes='examples',
        )
        with gr.Row():
            photos = [
                labelled(label=role.capitalize(), elem_id=f'compare_{key}', min_width=100, **PHOTO)
                for role, key in zip(ROLES, ('anchor', 'positive', 'negative'), strict=True)
            ]
        add_cropping(models, sessions, photos)
        chosen = _model_lists(models)
        with gr.Row():
            button = gr.Button('Compare', variant='primary', size='lg', elem_id='compare_run')
            cancel = cancel_button('compare')
        outputs = _outputs()
    run = {
        'fn': saving_images(sessions, partial(compare, models, sessions)),
        'inputs': [*photos, *chosen],
        'outputs': outputs,
        'preprocess': False,
        'show_progress_on': outputs[0],
        **NETWORK,
    }
    fill = examples.click(triples.__getitem__, examples, photos, show_progress='hidden', api_visibility='private')
    compared = [fill.success(**run, api_visibility='private'), button.click(**run, **ENDPOINT)]
    for event in (examples.click, button.click, *(one.success for one in compared)):
        event(fn=None, js=scroll_to('verdict_first'))
    stop_with(sessions, cancel, compared, outputs[0])
    return tab, chosen


def _model_lists(models: Models) -> list[gr.Dropdown]:
    choices, pair = model_choices(models), models.pair()
    with gr.Row():
        return [
            gr.Dropdown(
                choices, value=value, label=f'{which} model', elem_id=f'compare_model_{which.lower()}', min_width=280
            )
            for value, which in zip((pair[0], pair[-1]), ('First', 'Second'), strict=True)
        ]


def _outputs() -> list[gr.Markdown | gr.Gallery | gr.HTML]:
    """Return verdict and Grad-CAM components of the first model, then of the second; then the evidence of both."""
    outputs, evidence = [], []
    with gr.Row():
        for which in ('first', 'second'):
            with gr.Column(min_width=280):
                outputs.append(gr.Markdown(elem_id=f'verdict_{which}'))
                outputs.append(
                    gr.Gallery(
                        columns=3, buttons=[], label=f'Grad-CAM of the {which} model', elem_id=f'cam_{which}',
                        elem_classes='pictures', **PICTURES,
                    )
                )
                evidence.append(gr.HTML(elem_id=f'evidence_{which}', apply_default_css=False))
    return [*outputs, *evidence]
