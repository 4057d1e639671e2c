"""Parts of the page that are written in HTML: its templates, filled in."""

import base64
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

WIDTH = 128  # pixels of a small picture, of which a page shows some more than half

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).with_name('templates')), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True,
)  # fmt: skip


def render(template: str, **values: object) -> str:
    """Fill in `templates/<template>.html.jinja`; values are text, and no HTML."""
    return _environment.get_template(f'{template}.html.jinja').render(**values)


def address_of(photo: Image.Image) -> str:
    """A photo, made small, as an address that holds it: it is there with the page, and no file of anybody."""
    small, file = photo.convert('RGB'), io.BytesIO()
    small.thumbnail((WIDTH, 2 * WIDTH))
    small.save(file, 'WEBP', quality=70)
    return f'data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}'
