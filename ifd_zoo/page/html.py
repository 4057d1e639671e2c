"""Rendering of the page's HTML templates."""

import base64
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

WIDTH = 128  # pixels of a thumbnail; the page shows it at a bit more than half of that

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).with_name('templates')), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True,
)  # fmt: skip


def render(template: str, **values: object) -> str:
    """Render `templates/<template>.html.jinja`; values are escaped."""
    return _environment.get_template(f'{template}.html.jinja').render(**values)


def data_url(photo: Image.Image) -> str:
    """Return a thumbnail as a data URL, so that the page needs no file for it."""
    small, file = photo.convert('RGB'), io.BytesIO()
    small.thumbnail((WIDTH, 2 * WIDTH))
    small.save(file, 'WEBP', quality=70)
    return f'data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}'
