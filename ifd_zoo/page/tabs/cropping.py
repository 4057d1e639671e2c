"""Cropping of uploaded photos to the people in them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import gradio as gr

from ifd_zoo.gallery import PhotoFile
from ifd_zoo.images.formats import is_video
from ifd_zoo.images.loading import ImageError, load_image
from ifd_zoo.page import texts
from ifd_zoo.page.cancel import stoppable
from ifd_zoo.page.files import error, many_photos, new_folder, photo_file, plain, user_errors
from ifd_zoo.page.guard.inputs import Clicked
from ifd_zoo.page.models import Models
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.theme import LIGHT, NETWORK, PICTURES
from ifd_zoo.parsing.people import NOBODY
from ifd_zoo.uploads import check_photo, collect
from ifd_zoo.uploads.content import read_head
from ifd_zoo.uploads.names import shorten_middle

CUT = 'person_'
"""Name prefix of folders of crops; files in them are not cropped again."""
LONGEST_STEM = 50
"""Maximum number of characters taken from an upload's name for a crop's; most systems allow names of 255 bytes."""


def add_cropping(models: Models, sessions: Sessions, photos: Sequence[gr.Image | gr.Gallery], all_in: str = '') -> None:
    """Add a checkbox that turns cropping on; and for each component a gallery of people to choose from and a message.

    Args:
        all_in: elem_id of the component that takes all people in a photo; the others take the largest person.
    """
    wanted = gr.Checkbox(True, label=texts.CROP, elem_id=f'{photos[0].elem_id}_crop')
    for photo in photos:
        many = isinstance(photo, gr.Gallery)
        said = gr.Markdown(elem_id=f'{photo.elem_id}_said', elem_classes='small')
        people = gr.Gallery(
            columns=4, buttons=[], visible=False, allow_preview=False, label='People in the photo',
            elem_id=f'{photo.elem_id}_people', **PICTURES,
        )  # fmt: skip
        crop = partial(crop_uploads, models, sessions, many, photo.elem_id == all_in)
        raw = {'preprocess': False, 'api_visibility': 'private'}
        photo.upload(crop, [wanted, photo], [photo, people, said], **raw, **NETWORK)

        # Not a partial: gradio finds the event parameter by its annotation, which it does not see in a partial.
        def chosen(crops, event: Clicked, many=many):
            path = choose(crops, event.index)
            return [path] if many else path

        people.select(chosen, people, photo, **raw, **LIGHT)


def choose(crops: list | None, index: int) -> str:
    """Return the path of the clicked crop; raise gr.Error if there is none."""
    files = many_photos(crops)
    if index >= len(files):
        raise error(f'There is no person {index + 1}: upload the photo again.')
    return str(files[index].path)


def crop_uploads(
    models: Models, sessions: Sessions, many: bool, everybody: bool, wanted: bool, value: dict | list | None
) -> tuple:
    """Crop photos to their people; return the new value, an update of the crops to choose from, and a message.

    Args:
        many: the value is that of a gr.Gallery.
        everybody: take all people in a photo, with nothing to choose, and split videos into frames.

    Raises:
        gr.Error: there is no room for the crops.
    """
    sessions.begin()
    nothing = gr.skip(), gr.update(value=[], visible=False), ''
    if not wanted or not value:
        return nothing
    given = many_photos(value) if many else [photo_file(value)]
    sessions.claim(*(file.path for file in given))
    files, skipped = _frames(sessions, given) if everybody else (given, [])
    own, found = set(given), []
    tell = stoppable(sessions, 'Looking for people', len(files))
    for place, file in enumerate(files):
        tell(place)
        found.append(_people(models, sessions, file, file not in own))
    if found == [[file] for file in given]:
        return nothing
    taken = [str(one.path) for people in found for one in (people if everybody else people[:1])]
    several = [] if everybody else [str(one.path) for people in found if len(people) > 1 for one in people]
    new = taken if many else next(iter(taken), None)
    told = '\n\n'.join([*map(plain, skipped), *_told(files, found, bool(several))])
    return new, gr.update(value=several, visible=bool(several)), told


def _frames(sessions: Sessions, files: Sequence[PhotoFile]) -> tuple[list[PhotoFile], list[str]]:
    """Replace each video by its frames; return the files and the messages about skipped ones."""
    taken, skipped = [], []
    for file in files:
        with user_errors():
            if not is_video(read_head(Path(file.path), file.name)):
                taken.append(file)
                continue
            frames = collect([file], new_folder(sessions, 'frames_'))
        sessions.keep(*(frame.path for frame in frames.files))
        taken += frames.files
        skipped += frames.skipped
    return taken, skipped


def _people(models: Models, sessions: Sessions, file: PhotoFile, from_clip: bool) -> list[PhotoFile]:
    """Write crops of the people in a photo, the largest first; return the photo itself if it needs no cropping.

    Args:
        from_clip: the file is a video frame with a random file name, so it is always copied under a readable name.
    """
    if Path(file.path).parent.name.startswith(CUT):
        return [file]
    with user_errors():
        try:
            name, crops = check_photo(file).name, models.people(file)
        except ImageError:  # reported where the photo is used
            return [file]
    if crops is None and not from_clip:
        return [file]
    crops = [load_image(*file)] if crops is None else crops
    folder, stem = new_folder(sessions, CUT), shorten_middle(name if from_clip else Path(name).stem, LONGEST_STEM)
    paths = [folder / f'{stem}{f" ({number})" if number > 1 else ""}.jpg' for number in range(1, len(crops) + 1)]
    for path, crop in zip(paths, crops, strict=True):
        crop.save(path, quality=95, subsampling=0)
    sessions.keep(*paths)
    return [PhotoFile(path, path.name) for path in paths]


def _told(files: Sequence[PhotoFile], found: Sequence[Sequence[PhotoFile]], choose: bool) -> list[str]:
    lines = []
    for file, people in zip(files, found, strict=True):
        if not people:
            lines.append(f'**{NOBODY}** in {plain(file.name)}: left out.')
        elif len(people) > 1:
            lines.append(f'{len(people)} people in {plain(file.name)}{": click the one you mean" if choose else ""}.')
        elif people != [file]:
            lines.append(f'{plain(file.name)} was cropped to the person.')
    return lines
