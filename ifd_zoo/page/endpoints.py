"""API endpoints without a button on the page."""

from typing import Any

import gradio as gr

from ifd_zoo.gallery import PHOTO_SIDE
from ifd_zoo.hub.listing import to_json
from ifd_zoo.images.loading import load_image
from ifd_zoo.page.files import check_file, error, photo_file, user_errors
from ifd_zoo.page.models import Models, whole_catalogue
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.theme import NETWORK

MAX_PHOTOS = 256


def embed(models: Models, sessions: Sessions, photos: list[dict], model: str) -> list[list[float]]:
    """Return an L2-normalized embedding for each photo: dot products are cosine similarities.

    Raises:
        gr.Error: a photo cannot be used, or there are too many.
    """
    if not photos:
        raise error('There are no photos: give a list of files, [handle_file("a.jpg"), ...].')
    if len(photos) > MAX_PHOTOS:
        raise error(f'{len(photos)} photos are too many at once; give at most {MAX_PHOTOS}.')
    files = list(map(photo_file, photos))
    sessions.claim(*(file.path for file in files))
    files = list(map(check_file, files))
    with user_errors():
        predictor = models.get(model)
        images = [load_image(file.path, file.name, PHOTO_SIDE) for file in files]
        with models.busy:
            return predictor.embed(images).tolist()


def build(models: Models, sessions: Sessions) -> None:
    def embed_photos(photos: list[dict], model: str = models.names[0]) -> list[list[float]]:
        return embed(models, sessions, photos, model)

    def list_models() -> dict[str, Any]:
        return {'loaded': models.names, 'catalogue': to_json(whole_catalogue())}

    gr.api(embed_photos, api_name='embed', api_description='Embed photos: one list of numbers each.', **NETWORK)
    gr.api(list_models, api_name='models', api_description='List the loaded models and the whole catalogue.')
