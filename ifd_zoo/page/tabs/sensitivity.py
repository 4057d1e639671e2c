"""Clothing sensitivity of several models: best matches before and after a change of clothes, S, and charts."""

import gradio as gr
import numpy as np

from ifd_zoo.gallery import PHOTO_SIDE, PhotoFile
from ifd_zoo.images.loading import load_image
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import stoppable
from ifd_zoo.page.files import error, one_photo, plain, report_skipped, take_gallery_or_examples, user_errors
from ifd_zoo.page.html import data_url, render
from ifd_zoo.page.model_comparison import Movement, movement
from ifd_zoo.page.models import Models
from ifd_zoo.page.opening.answers import right_ranks
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.tabs.edits import make_edit
from ifd_zoo.page.tabs.rank_state import MAX_LISTED_RANKS
from ifd_zoo.recolour import movement_chart
from ifd_zoo.uploads import mark, read_label

MAX_COMPARED = 3  # models in a chart
TOP_SHOWN = 6  # matches before and after


def measure(models: Models, sessions: Sessions, photo: dict | None, *values: object) -> tuple:
    """Return charts for the chosen edit and the fixed wardrobe, S in words, and HTML of the best matches and of S.

    Args:
        values: of the edit's controls, then models, gallery photos, archives, whether to use the `--gallery` folder.

    Raises:
        gr.Error: something is missing or unusable.
    """
    sessions.begin()
    *edit_values, names, gallery, archives, use_folder = values
    file = one_photo(photo, 'photo')
    sessions.claim(file.path)
    if not names or len(names) > MAX_COMPARED:
        raise error(f'Choose one to {MAX_COMPARED} models.')
    with user_errors():
        models.require(*names)
        edit = make_edit(*edit_values)
    gr.Progress()(0, desc='Changing the clothes')
    files, _, skipped = take_gallery_or_examples(sessions, gallery, archives, use_folder)
    with user_errors():
        image, label_map = models.parse(file)
        predictors, embeddings = {name: models.get(name) for name in names}, {}
        tell = stoppable(sessions, 'Embedding the gallery', len(files))
        if use_folder:
            for predictor in predictors.values():
                models.update_index(predictor, tell)
        with models.busy:
            for name, predictor in predictors.items():
                known = models.embed(predictor, files, tell)
                embeddings[name] = [files[index].name for index in known.indices], known.embeddings
            result = movement(predictors, image, label_map, embeddings, edit)
            worn = {'before': image, 'after': edit.apply(image, label_map)}
            moved = {
                (name, when): predictor.embed([photo], [label_map])[0] @ embeddings[name][1].T
                for name, predictor in predictors.items()
                for when, photo in worn.items()
            }
    numbers = [_numbers(result, len(known.indices))]  # the same photos are unusable for every model
    numbers += report_skipped(skipped + known.skipped, len(files) + len(skipped))
    tops = _tops(file, [files[index] for index in known.indices], moved)
    own = movement_chart(result.names, result.by_edit, 'This change of clothes')
    fixed = movement_chart(result.names, result.by_wardrobe, 'The fixed wardrobe: twelve changes')
    charts = gr.HTML(own, visible=True), gr.HTML(fixed, visible=True)
    return *charts, '\n\n'.join(numbers), tops, _bars(result.sensitivity)


def _tops(query: PhotoFile, files: list[PhotoFile], similarities: dict[tuple[str, str], np.ndarray]) -> str:
    """Render the best matches of each model before and after the change as HTML; marked if file names have labels."""
    label, rows = read_label(query.name), []
    for (model, when), values in similarities.items():
        ranking = [files[index] for index in np.argsort(-values, kind='stable')]
        shown = [
            {
                'name': one.name,
                'said': str(mark(label, read_label(one.name))),
                'picture': data_url(load_image(one.path, one.name, PHOTO_SIDE)),
            }
            for one in ranking[:TOP_SHOWN]
        ]
        right = right_ranks(query.name, [one.name for one in ranking])[:MAX_LISTED_RANKS]
        rows.append({'title': when.capitalize(), 'model': model, 'right': right, 'shown': shown})
    return render('strips', title='Best matches before and after the change', rows=rows)


def _bars(sensitivity: dict[str, float]) -> str:
    most = max(max(sensitivity.values()), 1e-6)
    rows = [(name, value / most, f'S = {value:.3f}') for name, value in sensitivity.items()]
    return render('bars', title='Clothing sensitivity S: the shorter, the less the clothes matter', rows=rows)


def _numbers(result: Movement, count: int) -> str:
    left = f'\n\nLeft out, not applicable to this photo: {", ".join(result.left_out)}.' if result.left_out else ''
    told = [f'by **{value:.3f}** with {plain(name)}' for name, value in result.sensitivity.items()]
    moved = f'{texts.WARDROBE} {", ".join(told)}.'
    return f'{moved}\n\n{texts.MEASURED}\n\nOver {count} gallery photos.{left}'
