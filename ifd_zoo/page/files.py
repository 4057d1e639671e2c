"""Files in and out. What a visitor names was checked by `guard/inputs.py`: it is an upload of this page, or a result.

Events take gradio's raw values (`preprocess=False`): its own decoding of a bad picture ends in a message that helps no
user.
"""

import functools
import html
import secrets
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from ifd_zoo.common.tables import write_table
from ifd_zoo.gallery import PhotoFile, example_gallery, shorten
from ifd_zoo.hub import LoadError
from ifd_zoo.images.loading import ImageError
from ifd_zoo.index import GalleryIndexError
from ifd_zoo.models.inference import DeviceError
from ifd_zoo.page.guard.quota import NO_ROOM
from ifd_zoo.page.session import Sessions
from ifd_zoo.parsing import ParserError
from ifd_zoo.uploads import Gallery, check_photo, collect

PICTURE_TYPES = ['image']
GALLERY_TYPES = ['image', 'video']
ARCHIVE_TYPES = ['.zip', *GALLERY_TYPES]


def error(message: str) -> gr.Error:
    # Escaped, since gradio shows messages as HTML and file names are the user's.
    return gr.Error(html.escape(message), duration=30, print_exception=False)


def plain(text: str) -> str:
    """Text with names of files, as Markdown that shows it as it is."""
    return '`{}`'.format(text.replace('`', '\u2019'))


@contextmanager
def user_errors(start: str = ''):
    """What a visitor can mend becomes a message."""
    try:
        yield
    except gr.Error:
        raise
    except ImageError as fault:
        raise error(f'{start}{fault}.') from fault
    except (LoadError, ParserError, DeviceError, GalleryIndexError, ValueError) as fault:
        raise error(str(fault)) from fault
    except OSError as fault:  # without its path, which is not the visitor's
        reason = fault.strerror or type(fault).__name__
        raise error(f'A file of this page cannot be read or written ({reason}): tell who runs it.') from fault


def photo_file(value: dict) -> PhotoFile:
    """A file by gradio's raw value of it."""
    path = Path(value['path']).resolve()
    return PhotoFile(path, value.get('orig_name') or path.name)


def one_photo(value: dict | None, what: str) -> PhotoFile:
    """The file of a gr.Image.

    Raises:
        gr.Error: there is none, or it is no picture.
    """
    if not value or not value.get('path'):
        raise error(f'There is no {what} yet: upload one, or click an example.')
    return checked(photo_file(value))


def checked(file: PhotoFile, start: str = '') -> PhotoFile:
    """A photo that is given by itself, with a name to show.

    Raises:
        gr.Error: it is no picture of a usable size; the message begins with `start`.
    """
    with user_errors(start):
        return check_photo(file)


def many_photos(value: list | None) -> list[PhotoFile]:
    """The files of a gr.Gallery."""
    return [photo_file(item.get('image') or item['video']) for item in value or []]


def take_gallery(sessions: Sessions, gallery: list | None, archives: list | None, use_folder: bool) -> Gallery:
    """Uploads, archives and the folder of the start as one gallery.

    Raises:
        gr.Error: nothing was given, or nothing can be used.
    """
    uploads = [*many_photos(gallery), *map(photo_file, archives or [])]
    folder = sessions.folder if use_folder and sessions.folder else Gallery([], [], [])
    if not uploads and not folder.files:
        raise error('The gallery is empty: add the photos to look through, or click an example.')
    if not uploads:
        return folder
    sessions.claim(*(file.path for file in uploads))
    # Unpacked once: a gallery that is searched again and again must not fill the disk.
    with user_errors():
        taken = sessions.unpacked(uploads, lambda: collect(uploads, new_folder(sessions, 'gallery_')))
    found = Gallery(*(mine + its for mine, its in zip(taken, folder, strict=True)))
    if not found.files:
        raise error(f'None of the gallery files can be used. {"; ".join(found.skipped[:5])}.')
    return found


def take_gallery_or_examples(
    sessions: Sessions, gallery: list | None, archives: list | None, use_folder: bool
) -> Gallery:
    """The same; the examples where nothing was given."""
    if gallery or archives or (use_folder and sessions.folder):
        return take_gallery(sessions, gallery, archives, use_folder)
    files = example_gallery()
    return Gallery(files, [None] * len(files), [])


def tell_skipped(skipped: list[str], total: int) -> list[str]:
    """A line of the status, and a warning that passes by; nothing when nothing was skipped."""
    if not skipped:
        return []
    gr.Warning(f'Skipped {len(skipped)} of {total}: the status names them.', duration=10)
    return [f'**Skipped {len(skipped)} of {total}.** {plain(shorten(skipped))}']


def new_folder(sessions: Sessions, prefix: str) -> Path:
    """In gradio's own temporary folder, so that it goes when the app stops, whatever happens.

    Raises:
        gr.Error: visitors have as many files there as they may.
    """
    if not sessions.has_room():
        raise error(NO_ROOM)
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=get_upload_folder()))


def write_results(
    sessions: Sessions, rows: Sequence[Sequence], heads: Sequence[str], pictures: Sequence[tuple[Image.Image, str]]
) -> tuple[str, str]:
    """Paths of the ranking as CSV, and of a ZIP with it and the pictures that are shown, numbered by rank."""
    folder = new_folder(sessions, 'ranking_')
    table, archive = folder / 'ranking.csv', folder / 'ranking.zip'
    write_table(table, heads, rows)
    with zipfile.ZipFile(archive, 'w') as packed:
        packed.write(table, table.name, zipfile.ZIP_DEFLATED)
        for place, (picture, _) in enumerate(pictures, 1):
            with packed.open(f'match_{place:02d}.jpg', 'w') as file:
                on_white(picture).save(file, 'JPEG', quality=90)
    sessions.keep(table, archive)
    return str(table), str(archive)


def on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != 'RGBA':
        return picture
    ground = Image.new('RGB', picture.size, 'white')
    ground.paste(picture, mask=picture.getchannel('A'))
    return ground


def save_picture(sessions: Sessions, picture: Image.Image) -> str:
    """Path of a new file: of a JPEG, which is quick to write, or of a PNG, where the picture has transparent parts."""
    clear = picture.mode == 'RGBA'
    path = new_folder(sessions, 'picture_') / f'{secrets.token_hex(8)}.{"png" if clear else "jpg"}'
    picture.save(path, **({'compress_level': 1} if clear else {'quality': 92}))
    sessions.keep(path)
    return str(path)


def handing_over(sessions: Sessions, function: Callable[..., object]) -> Callable[..., object]:
    """The function with paths of files in place of the pictures that it returns; what visitors are given is theirs."""

    @functools.wraps(function)  # gradio names the parameters of endpoints after those of the function
    def run(*values: object) -> object:
        sessions.claim()
        return _saved(sessions, function(*values))

    return run


def _saved(sessions: Sessions, value: object) -> object:
    if isinstance(value, Image.Image):
        return save_picture(sessions, value)
    if type(value) in (tuple, list):
        return type(value)(_saved(sessions, part) for part in value)
    if type(value) is dict:
        return {name: _saved(sessions, part) for name, part in value.items()}
    return value
