"""What of a ranking is shown: drawn anew when a visitor wishes something else, and a pair when one is clicked."""

from collections.abc import Sequence

import gradio as gr

from ifd_zoo.explain.overlays import VIEWS
from ifd_zoo.page.files import error, plain, save_picture, user_errors, write_results
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.rank_state import HEADS, OFF, DisplayOptions, Ranking
from ifd_zoo.page.tabs.threshold import calibrated, told
from ifd_zoo.page.tabs.why_match import bars, explain_match
from ifd_zoo.page.theme import labelled

GONE = 'The results of this page are gone: rank again.'


def redraw(models: Models, sessions: Sessions, rankings: Sequence[Ranking] | None, *wishes: object) -> tuple:
    """Values of what changes when a visitor wants to see something else of the same rankings.

    Args:
        rankings: of one model or two.
        wishes: place of the query, view, opacity, number of matches and threshold.
    """
    options = display_options(rankings, *wishes)
    with user_errors():
        pictures = [one.pictures(models, options) for one in rankings]
        rows = [row for one in rankings for row in one.rows(options)]
        said = [f'{plain(one.model)}: {one.summary(options)}' for one in rankings]
    files = write_results(sessions, rows, [head.lower() for head in HEADS], sum(pictures, []))
    beside = gr.Column(visible=len(rankings) > 1)
    others = (pictures[1], said[1]) if len(rankings) > 1 else ([], '')
    return rankings[0].seen(options), pictures[0], said[0], rows, *files, beside, *others


def show_pair(
    models: Models, sessions: Sessions, rankings: Sequence[Ranking] | None, which: int, place: int, *wishes: object
) -> tuple:
    """Why a match that was clicked is one: the pair as pictures, a sentence, and the evidence as HTML.

    Args:
        which: of the rankings.
        place: of the match, from 0.
        wishes: as of `redraw`.
    """
    options = display_options(rankings, *wishes)
    if which >= len(rankings):
        raise error(GONE)
    ranking = rankings[which]
    listed = ranking.queries[options.chosen].ranking
    if place >= len(listed):
        raise error(f'There is no match {place + 1}: the ranking has {len(listed)}.')
    found = listed[place]
    with user_errors():
        picture, shares = ranking.pair(models, options, place)
    label = f'Query, and #{place + 1}: {found.name}'
    text = f'## Why this match?\n{plain(ranking.model)} finds the two **{found.similarity:.3f}** alike. '
    image = labelled(save_picture(sessions, picture), visible=True, label=label)
    return gr.Column(visible=True), image, text + explain_match(shares), bars('What makes the two alike', shares)


def offer_threshold(models: Models, rankings: Sequence[Ranking] | None) -> tuple[float, str]:
    """A threshold for the visitor who opens it, and what it says."""
    if not rankings:
        return OFF, told(models, None, OFF)
    value = calibrated(models, rankings[0].model)
    return value, told(models, rankings[0].model, value)


def explain_threshold(models: Models, rankings: Sequence[Ranking] | None, value: float) -> str:
    return told(models, rankings[0].model if rankings else None, float(value))


def display_options(
    rankings: Sequence[Ranking] | None, chosen: int | None, view: str, opacity: float, top_k: float, threshold: float
) -> DisplayOptions:
    if not rankings:
        raise error(GONE)
    if (chosen or 0) not in range(len(rankings[0].queries)):
        raise error('That query is not of this ranking: choose one of the list.')
    check_view(view)
    return DisplayOptions(chosen or 0, view, float(opacity), int(top_k), float(threshold))


def check_view(view: str) -> None:
    """Raise gr.Error where there is no such view."""
    if view not in VIEWS:
        raise error(f'Choose what to show: {", ".join(VIEWS)}.')
