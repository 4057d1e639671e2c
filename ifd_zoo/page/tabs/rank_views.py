"""Views of a ranking: redraw it with other display options, and open a clicked match as a pair."""

from collections.abc import Sequence

import gradio as gr

from ifd_zoo.explain.overlays import VIEWS
from ifd_zoo.page.files import error, plain, save_picture, user_errors, write_results
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.rank_state import HEADS, OFF, DisplayOptions, Ranking
from ifd_zoo.page.tabs.threshold import calibrated, describe_threshold
from ifd_zoo.page.tabs.why_match import bars, explain_match
from ifd_zoo.page.theme import labelled

GONE = 'The results of this page have expired: rank again.'


def redraw(models: Models, sessions: Sessions, rankings: Sequence[Ranking] | None, *wishes: object) -> tuple:
    """Draw the same rankings with other display options; return the values of `DRAWN`.

    Args:
        rankings: of one model or two.
        wishes: index of the query, view, opacity, number of matches and threshold.
    """
    options = display_options(rankings, *wishes)
    with user_errors():
        pictures = [one.pictures(models, options) for one in rankings]
        rows = [row for one in rankings for row in one.rows(options)]
        said = [': '.join(filter(None, [plain(one.model), one.summary(options)])) for one in rankings]
    files = write_results(sessions, rows, [head.lower() for head in HEADS], sum(pictures, []))
    beside = gr.Column(visible=len(rankings) > 1)
    others = (pictures[1], said[1]) if len(rankings) > 1 else ([], '')
    return rankings[0].seen(options), pictures[0], said[0], rows, *files, beside, *others


def show_pair(
    models: Models, sessions: Sessions, rankings: Sequence[Ranking] | None, which: int, place: int, *wishes: object
) -> tuple:
    """Explain a clicked match: the pair as an image, a sentence, and the evidence as HTML; the values of `WHY`.

    Args:
        which: index of the ranking.
        place: 0-based place of the match.
        wishes: as for `redraw`.
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
    text = f'## Why this match?\n{plain(ranking.model)} gives the two a similarity of **{found.similarity:.3f}**. '
    image = labelled(save_picture(sessions, picture), visible=True, label=label)
    return gr.Column(visible=True), image, text + explain_match(shares), bars('Evidence for the match', shares)


def offer_threshold(models: Models, rankings: Sequence[Ranking] | None) -> tuple[float, str]:
    """Return a suggested threshold and its explanation, for a visitor who opens the setting."""
    if not rankings:
        return OFF, describe_threshold(models, None, OFF)
    value = calibrated(models, rankings[0].model)
    return value, describe_threshold(models, rankings[0].model, value)


def explain_threshold(models: Models, rankings: Sequence[Ranking] | None, value: float) -> str:
    return describe_threshold(models, rankings[0].model if rankings else None, float(value))


def display_options(
    rankings: Sequence[Ranking] | None, chosen: int | None, view: str, opacity: float, top_k: float, threshold: float
) -> DisplayOptions:
    if not rankings:
        raise error(GONE)
    if (chosen or 0) not in range(len(rankings[0].queries)):
        raise error('That query is not in this ranking: choose one from the list.')
    check_view(view)
    return DisplayOptions(chosen or 0, view, float(opacity), int(top_k), float(threshold))


def check_view(view: str) -> None:
    """Raise gr.Error if the view is unknown."""
    if view not in VIEWS:
        raise error(f'Choose what to show: {", ".join(VIEWS)}.')
