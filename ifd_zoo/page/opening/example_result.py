"""The opening example: a query ranked by two models, shown before either is loaded."""

import functools

import gradio as gr

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.images.loading import load_image
from ifd_zoo.page import texts
from ifd_zoo.page.html import data_url, render
from ifd_zoo.page.opening.answers import Answers, marks, most_different_query, read_answers, right_ranks
from ifd_zoo.page.theme import scroll_to

SHOWN = 8  # matches of each model


def build() -> None:
    """Build the example and the button that scrolls to the search form."""
    gr.HTML(draw(read_answers()), elem_id='first', apply_default_css=False)
    with gr.Row(elem_id='first_next'):
        button = gr.Button('Try your own photos', variant='primary', size='lg', elem_id='try', scale=0, min_width=220)
        gr.Markdown(texts.KEPT, elem_classes='small')
    button.click(fn=None, js=scroll_to('yours', 'center'))


def draw(answers: Answers) -> str:
    """Render the query of `most_different_query` with the best matches of both models as HTML."""
    query = most_different_query(answers)
    rows = [
        {
            'title': title,
            'model': model,
            'right': right_ranks(query, ranking),
            'shown': list(zip(ranking, marks(query, ranking), strict=True))[:SHOWN],
        }
        for title, model, ranking in zip(('IFD', 'Baseline'), answers.models, answers.rankings[query], strict=True)
    ]
    return render('first_sight', query=query, rows=rows, test=answers.test, picture=_picture)


@functools.cache
def _picture(kind: str, name: str) -> str:
    return data_url(load_image(EXAMPLES / kind / name))
