"""Uploads and downloads. `guard/inputs.py` has checked that paths from visitors are uploads or results of the page.

Events take gradio's raw values (`preprocess=False`), because gradio's own decoding of a bad image fails with an
unhelpful message.
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
    # Escaped because gradio shows messages as HTML, and they may contain a visitor's file names.
    return gr.Error(html.escape(message), duration=30, print_exception=False)


def plain(text: str) -> str:
    """Quote text that may contain file names, so that Markdown shows it verbatim."""
    return '`{}`'.format(text.replace('`', '\u2019'))


@contextmanager
def user_errors(start: str = ''):
    """Convert expected errors to a gr.Error that the visitor sees; `start` precedes the message of an ImageError."""
    try:
        yield
    except gr.Error:
        raise
    except ImageError as fault:
        raise error(f'{start}{fault}.') from fault
    except (LoadError, ParserError, DeviceError, GalleryIndexError, ValueError) as fault:
        raise error(str(fault)) from fault
    except OSError as fault:  # without the server's path
        reason = fault.strerror or type(fault).__name__
        raise error(f'The server cannot read or write a file ({reason}): please tell whoever runs it.') from fault


def photo_file(value: dict) -> PhotoFile:
    """Convert gradio's raw value of a file."""
    path = Path(value['path']).resolve()
    return PhotoFile(path, value.get('orig_name') or path.name)


def one_photo(value: dict | None, what: str) -> PhotoFile:
    """Return the checked file of a gr.Image; `what` names the photo in messages.

    Raises:
        gr.Error: there is none, or it is not a usable image.
    """
    if not value or not value.get('path'):
        raise error(f'There is no {what} yet: upload one, or click an example.')
    return check_file(photo_file(value))


def check_file(file: PhotoFile, start: str = '') -> PhotoFile:
    """Check a single photo and return it with a display name.

    Raises:
        gr.Error: it is not an image of a usable size; the message begins with `start`.
    """
    with user_errors(start):
        return check_photo(file)


def many_photos(value: list | None) -> list[PhotoFile]:
    """Return the files of a gr.Gallery."""
    return [photo_file(item.get('image') or item['video']) for item in value or []]


def take_gallery(sessions: Sessions, gallery: list | None, archives: list | None, use_folder: bool) -> Gallery:
    """Merge uploads, archives and, with `use_folder`, the `--gallery` folder into one gallery.

    Raises:
        gr.Error: nothing was given, or none of it can be used.
    """
    uploads = [*many_photos(gallery), *map(photo_file, archives or [])]
    folder = sessions.folder if use_folder and sessions.folder else Gallery([], [], [])
    if not uploads and not folder.files:
        raise error('The gallery is empty: add the photos to search, or click an example.')
    if not uploads:
        return folder
    sessions.claim(*(file.path for file in uploads))
    # Unpacked once, so that repeated searches of one gallery do not fill the disk.
    with user_errors():
        taken = sessions.unpacked(uploads, lambda: collect(uploads, new_folder(sessions, 'gallery_')))
    found = Gallery(*(mine + its for mine, its in zip(taken, folder, strict=True)))
    if not found.files:
        raise error(f'None of the gallery files can be used. {"; ".join(found.skipped[:5])}.')
    return found


def take_gallery_or_examples(
    sessions: Sessions, gallery: list | None, archives: list | None, use_folder: bool
) -> Gallery:
    """Like `take_gallery`, but return the example gallery if nothing was given."""
    if gallery or archives or (use_folder and sessions.folder):
        return take_gallery(sessions, gallery, archives, use_folder)
    files = example_gallery()
    return Gallery(files, [None] * len(files), [])


def report_skipped(skipped: list[str], total: int) -> list[str]:
    """Show a warning and return a status line about skipped files; empty if there are none."""
    if not skipped:
        return []
    gr.Warning(f'Skipped {len(skipped)} of {total}: see the status for their names.', duration=10)
    return [f'**Skipped {len(skipped)} of {total}.** {plain(shorten(skipped))}']


def new_folder(sessions: Sessions, prefix: str) -> Path:
    """Create a folder in gradio's temporary folder, which is deleted when the app stops.

    Raises:
        gr.Error: the quota for visitors' files is used up.
    """
    if not sessions.has_room():
        raise error(NO_ROOM)
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=get_upload_folder()))


def write_results(
    sessions: Sessions, rows: Sequence[Sequence], heads: Sequence[str], pictures: Sequence[tuple[Image.Image, str]]
) -> tuple[str, str]:
    """Write the ranking as CSV, and a ZIP of it with the shown images, numbered by rank; return both paths."""
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
    """Save an image as JPEG, which is fast to write, or as PNG if it is RGBA; return the path."""
    clear = picture.mode == 'RGBA'
    path = new_folder(sessions, 'picture_') / f'{secrets.token_hex(8)}.{"png" if clear else "jpg"}'
    picture.save(path, **({'compress_level': 1} if clear else {'quality': 92}))
    sessions.keep(path)
    return str(path)


def saving_images(sessions: Sessions, function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function to save the images it returns and return their paths; the files belong to the visitor."""

    @functools.wraps(function)  # gradio names endpoint parameters after the function's
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
