"""Compare: Fig. 3 of the paper, for any three photos and two models."""

from functools import partial

import gradio as gr

from ifd_zoo.fig3 import ROLES, Comparison, example_triples
from ifd_zoo.fig3 import compare as compare_models
from ifd_zoo.gallery import PHOTO_SIDE
from ifd_zoo.images.loading import load_image
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import cancel_button, stop_with
from ifd_zoo.page.files import error, handing_over, one_photo, user_errors
from ifd_zoo.page.models import Models
from ifd_zoo.page.rank_layout import model_choices
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.theme import NETWORK, PHOTO, PICTURES, labelled

SHOWN_SIDE = 512  # pixels of the drawn photos


def compare(
    models: Models,
    sessions: Sessions,
    anchor: dict | None,
    positive: dict | None,
    negative: dict | None,
    first: str,
    second: str,
) -> tuple[str, list, str, list]:
    """For each of two models what it decides, and Grad-CAM of the three photos.

    Raises:
        gr.Error: a photo or a model is missing or unusable.
    """
    files = [one_photo(value, what) for value, what in zip((anchor, positive, negative), ROLES, strict=True)]
    if not first or not second:
        raise error('Choose two models.')
    sessions.claim(*(file.path for file in files))
    gr.Progress()(0, desc='Looking at the photos')
    with user_errors():
        models.require(first, second)
        photos = [load_image(file.path, file.name, PHOTO_SIDE) for file in files]
        for photo in photos:
            photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        predictors = {name: models.get(name) for name in (first, second)}
        with models.busy:
            found = {one.name: one for one in compare_models(predictors, photos)}
    return tuple(part for name in (first, second) for part in _shown(found[name]))


def _shown(one: Comparison) -> tuple[str, list]:
    """A verdict, and captioned pictures."""
    positive, negative = one.similarities
    right = positive > negative
    verdict = 'finds the **person**' if right else 'is fooled by the **clothes**'
    numbers = f'same person {positive:.3f}, other person {negative:.3f}, margin {positive - negative:+.3f}'
    shares = ', '.join(f'{name} {100 * share:.0f} %' for name, share in one.shares.items())
    evidence = f' What makes anchor and positive alike lies on: {shares}.' if shares else ''
    captions = (ROLES[0], f'{ROLES[1]}: {positive:.3f}', f'{ROLES[2]}: {negative:.3f}')
    # Names of models may hold Markdown, so they are code here, without what would end it.
    name = one.name.replace('`', '')
    mark = '\u2713' if right else '\u2717'
    return f'{mark} `{name}` {verdict}: {numbers}.{evidence}', list(zip(one.pictures, captions, strict=True))


def build(models: Models, sessions: Sessions) -> tuple[gr.Tab, list[gr.Dropdown]]:
    """The tab, and what lists models."""
    with gr.Tab('Compare', id='compare') as tab:
        gr.Markdown(texts.COMPARE)
        triples = [[str(file.path) for file in triple] for triple in example_triples()]
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
        chosen = _model_lists(models)
        with gr.Row():
            button = gr.Button('Compare', variant='primary', size='lg', elem_id='compare_run')
            cancel = cancel_button('compare')
        outputs = _outputs()
    run = {
        'fn': handing_over(sessions, partial(compare, models, sessions)),
        'inputs': [*photos, *chosen],
        'outputs': outputs,
        'preprocess': False,
        'show_progress_on': outputs[0],
        **NETWORK,
    }
    fill = examples.click(triples.__getitem__, examples, photos, show_progress='hidden', api_visibility='private')
    compared = [fill.success(**run, api_visibility='private'), button.click(**run, api_name='compare')]
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


def _outputs() -> list[gr.Markdown | gr.Gallery]:
    """Verdict and pictures of the first model, then of the second."""
    outputs = []
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
    return outputs
