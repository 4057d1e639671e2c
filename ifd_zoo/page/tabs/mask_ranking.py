"""Ranking a gallery twice: with the photo as it is, and with another mask or a hidden part."""

from typing import NamedTuple

import gradio as gr
import numpy as np

from ifd_zoo.explain.overlays import views
from ifd_zoo.gallery import PhotoFile, QueryResult, search
from ifd_zoo.masks import class_mask
from ifd_zoo.page.cancel import stoppable
from ifd_zoo.page.files import error, plain, report_skipped, save_picture, take_gallery_or_examples, user_errors
from ifd_zoo.page.models import Models
from ifd_zoo.page.opening.answers import right_ranks
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.hiding import PARTS, hide
from ifd_zoo.page.tabs.rank_state import MAX_LISTED_RANKS

SHOWN = 10  # rows of the table
NO_MASK = 'There is no mask to rank with: give a photo, and wait until it is parsed.'
HEADS = ('Moved', 'File', 'Rank before', 'Rank after', 'Similarity before', 'Similarity after')


class Parsed(NamedTuple):
    """The photo in the mask editor, and the name of its parser."""

    file: PhotoFile
    parser: str


def rank_again(
    models: Models,
    sessions: Sessions,
    parsed: Parsed | None,
    label_map: np.ndarray | None,
    model: str,
    *places: object,
) -> tuple[str, list, list, list]:
    """Rank with the original and the corrected mask; return a text, images before and after, and table rows.

    Args:
        label_map: from `corrected_map`.
        places: gallery photos, archives and whether to use the `--gallery` folder.

    Raises:
        gr.Error: something is missing or unusable.
    """
    with user_errors():
        models.require(model)
    if parsed is None or label_map is None:
        raise error(NO_MASK)
    with user_errors():
        original = models.parse(*parsed)[1]
    share = float((label_map != original).mean())
    text = f'You changed the class of **{share:.1%}** of the photo.'
    if not models.get(model).model.needs_mask:
        text += ' This model does not use the mask, so nothing moves: choose one with attention in the tab Rank.'
    asked = BeforeAfter(model, (parsed.file, parsed.file), (original, label_map))
    return _rank_twice(models, sessions, asked, places, text)


def rank_hidden(
    models: Models, sessions: Sessions, part: str, parsed: Parsed | None, model: str, *places: object
) -> tuple[str, list, list, list]:
    """Rank with the photo and with one of its `PARTS` hidden from both streams; return the same as `rank_again`.

    Raises:
        gr.Error: something is missing or unusable, or the photo does not show that part, or shows nothing else.
    """
    sessions.begin()
    if parsed is None:
        raise error(NO_MASK)
    with user_errors():
        models.require(model)
        photo, label_map = models.parse(*parsed)
        hidden = save_picture(sessions, hide(photo, label_map, part))
    classes = ', '.join(PARTS[part])
    text = f'Hidden from {plain(model)}: the **{part}** ({classes}), filled with the mean colour of the rest.'
    files = parsed.file, PhotoFile(hidden, parsed.file.name)
    return _rank_twice(models, sessions, BeforeAfter(model, files, (label_map, label_map)), places, text)


class BeforeAfter(NamedTuple):
    """The query photo and label map before and after the change."""

    model: str
    queries: tuple[PhotoFile, PhotoFile]
    label_maps: tuple[np.ndarray, np.ndarray]


def _rank_twice(
    models: Models, sessions: Sessions, asked: BeforeAfter, places: tuple, text: str
) -> tuple[str, list, list, list]:
    """Rank before and after; `text` begins the returned message."""
    gr.Progress()(0, desc='Ranking twice')
    files, _, skipped = take_gallery_or_examples(sessions, *places)
    with user_errors():
        predictor = models.get(asked.model)
        tell = stoppable(sessions, 'Embedding the gallery', len(files))
        if places[2]:
            models.update_index(predictor, tell)
        with models.busy:
            result = search(predictor, asked.queries, files, tell, models.embed, asked.label_maps)
    before, after = result.queries
    right = [_right(one) for one in (before, after)]
    if all(right):
        were, are = (', '.join(ranks) for ranks in right)
        text += f' The right matches were at **{were}**; with the change they are at **{are}**.'
    told = report_skipped(skipped + result.skipped, len(files) + len(skipped))
    return '\n\n'.join([text, *told]), _views(before), _views(after), _rows(before, after)


def _right(one: QueryResult) -> list[str]:
    """Return the ranks of the first correct matches, if the file names have labels."""
    ranks = right_ranks(one.name, [found.name for found in one.ranking])
    return [str(rank) for rank in ranks[:MAX_LISTED_RANKS]]


def _views(one: QueryResult) -> list:
    return views(one.photo_view.photo, one.photo_view.attention, class_mask(one.photo_view.label_map))


def _rows(before: QueryResult, after: QueryResult) -> list[list]:
    """Return table rows of the best matches after the change, with columns `HEADS`."""
    old = {found.index: (place, found.similarity) for place, found in enumerate(before.ranking, 1)}
    return [
        [
            _arrow(old[found.index][0] - place), found.name, old[found.index][0], place,
            f'{old[found.index][1]:.4f}', f'{found.similarity:.4f}',
        ]
        for place, found in enumerate(after.ranking[:SHOWN], 1)
    ]  # fmt: skip


def _arrow(up: int) -> str:
    return f'\u2191 {up}' if up > 0 else f'\u2193 {-up}' if up else '='
