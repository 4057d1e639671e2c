"""Files in and out. What a visitor names has passed the door: it is an upload of this page, or a result.

Events take gradio's raw values (`preprocess=False`): its own decoding of a bad picture ends in a message that helps no
user.
"""

import functools
import hashlib
import html
import secrets
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from gradio.context import LocalContext
from gradio.utils import get_upload_folder
from PIL import Image

from ifd_zoo.gallery import PhotoFile, shorten
from ifd_zoo.hub import LoadError
from ifd_zoo.images import ImageError
from ifd_zoo.index import GalleryIndexError
from ifd_zoo.inference import DeviceError
from ifd_zoo.page.desk import Desk
from ifd_zoo.page.quota import NO_ROOM
from ifd_zoo.parsing import ParserError
from ifd_zoo.tables import write_table
from ifd_zoo.uploads import Gallery, check_photo, collect

PICTURE_TYPES = ['image']
ARCHIVE_TYPES = ['.zip', 'image']


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


def visitor() -> str:
    """Whose event this is, in few characters whatever the visitor sent; empty outside of one."""
    request = LocalContext.request.get(None)
    sent = (request.session_hash or '') if request else ''
    return hashlib.sha256(sent.encode(errors='backslashreplace')).hexdigest() if sent else ''


def keep(desk: Desk, *paths: str | Path) -> None:
    """These results are of the visitor of this event, and go some time after the visitor."""
    if desk.keeping:
        desk.keeping.give(visitor(), paths)


def claim(desk: Desk, *paths: str | Path) -> None:
    """The same of uploads; the visitor is here, also without any."""
    if desk.keeping:
        desk.keeping.claim(visitor(), paths)


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


def take_gallery(desk: Desk, gallery: list | None, archives: list | None, use_folder: bool) -> Gallery:
    """Uploads, archives and the folder of the start as one gallery.

    Raises:
        gr.Error: nothing was given, or nothing can be used.
    """
    uploads = [*many_photos(gallery), *map(photo_file, archives or [])]
    folder = desk.folder if use_folder and desk.folder else Gallery([], [], [])
    if not uploads and not folder.files:
        raise error('The gallery is empty: add the photos to look through, or click an example.')
    if not uploads:
        return folder
    claim(desk, *(file.path for file in uploads))
    # Unpacked once: a gallery that is searched again and again must not fill the disk.
    with user_errors():
        taken = desk.collected(
            uploads,
            collect=lambda: collect(uploads, new_folder(desk, 'gallery_')),
            keep=lambda found: keep(desk, *(file.path for file in found.files)),
        )
    found = Gallery(*(mine + its for mine, its in zip(taken, folder, strict=True)))
    if not found.files:
        raise error(f'None of the gallery files can be used. {"; ".join(found.skipped[:5])}.')
    return found


def tell_skipped(skipped: list[str], total: int) -> list[str]:
    """A line of the status, and a warning that passes by; nothing when nothing was skipped."""
    if not skipped:
        return []
    gr.Warning(f'Skipped {len(skipped)} of {total}: the status names them.', duration=10)
    return [f'**Skipped {len(skipped)} of {total}.** {plain(shorten(skipped))}']


def new_folder(desk: Desk, prefix: str) -> Path:
    """In gradio's own temporary folder, so that it goes when the app stops, whatever happens.

    Raises:
        gr.Error: visitors have as many files there as they may.
    """
    if desk.keeping and not desk.keeping.has_room():
        raise error(NO_ROOM)
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=get_upload_folder()))


def write_results(
    desk: Desk, rows: Sequence[Sequence], heads: Sequence[str], pictures: Sequence[tuple[Image.Image, str]]
) -> tuple[str, str]:
    """Paths of the ranking as CSV, and of a ZIP with it and the pictures that are shown, numbered by rank."""
    folder = new_folder(desk, 'ranking_')
    table, archive = folder / 'ranking.csv', folder / 'ranking.zip'
    write_table(table, heads, rows)
    with zipfile.ZipFile(archive, 'w') as packed:
        packed.write(table, table.name, zipfile.ZIP_DEFLATED)
        for place, (picture, _) in enumerate(pictures, 1):
            with packed.open(f'match_{place:02d}.jpg', 'w') as file:
                on_white(picture).save(file, 'JPEG', quality=90)
    keep(desk, table, archive)
    return str(table), str(archive)


def on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != 'RGBA':
        return picture
    ground = Image.new('RGB', picture.size, 'white')
    ground.paste(picture, mask=picture.getchannel('A'))
    return ground


def save_picture(desk: Desk, picture: Image.Image) -> str:
    """Path of a new file: of a JPEG, which is quick to write, or of a PNG, where the picture has transparent parts."""
    clear = picture.mode == 'RGBA'
    path = new_folder(desk, 'picture_') / f'{secrets.token_hex(8)}.{"png" if clear else "jpg"}'
    picture.save(path, **({'compress_level': 1} if clear else {'quality': 92}))
    keep(desk, path)
    return str(path)


def handing_over(desk: Desk, function: Callable[..., object]) -> Callable[..., object]:
    """The function with paths of files in place of the pictures that it returns; what visitors are given is theirs."""

    @functools.wraps(function)  # gradio names the parameters of endpoints after those of the function
    def run(*values: object) -> object:
        claim(desk)
        return _saved(desk, function(*values))

    return run


def _saved(desk: Desk, value: object) -> object:
    if isinstance(value, Image.Image):
        return save_picture(desk, value)
    if type(value) in (tuple, list):
        return type(value)(_saved(desk, part) for part in value)
    if type(value) is dict:
        return {name: _saved(desk, part) for name, part in value.items()}
    return value
