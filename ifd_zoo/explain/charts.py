"""Matplotlib charts as SVG text that takes its fonts and neutral colours from the page, light or dark."""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ('#2f81d8', '#d97700', '#2c9a57')
"""Colours of the first, second and third series; each has a contrast of at least 3 to both white and black."""
MARKERS = ('o', 's', 'D')
"""Markers of the series, which tell them apart without colour."""

INK = '#010203'  # stands for `currentColor`, which matplotlib does not know
STYLE = {
    'axes.edgecolor': INK,
    'axes.facecolor': 'none',
    'axes.labelcolor': INK,
    'axes.spines.left': False,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'figure.facecolor': 'none',
    'font.size': 12,
    'grid.alpha': 0.18,
    'grid.color': INK,
    'svg.fonttype': 'none',
    'text.color': INK,
    'text.parse_math': False,
    'xtick.color': INK,
    'xtick.major.size': 0,
    'ytick.color': INK,
    'ytick.major.pad': 7,
    'ytick.major.size': 0,
}
SVG, LINK = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}href'

# Characters that XML cannot represent; file names may contain them.
UNWRITABLE = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')

_drawing = Lock()  # matplotlib shares its settings and fonts between threads


def svg_chart(
    size: tuple[float, float],
    draw: 'Callable[[Figure], None]',
    title: str,
    description: str = '',
    notes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Draw a chart as SVG text; the same arguments give the same text.

    Args:
        size: (width, height) in pixels; one point of matplotlib is one pixel.
        draw: fills an empty figure with the settings `STYLE`; its texts must come from `clean_text`.
        title, description: text alternative for screen readers.
        notes: gid of an artist to its tooltip.
    """
    # Imported late, as it is slow; not through pyplot, which looks for a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    title, description = (UNWRITABLE.sub('\ufffd', text) for text in (title, description))
    file, nothing = io.StringIO(), dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
    # The ids are hashes with this salt; charts on one page must not share ids.
    with _drawing, rc_context(STYLE | {'svg.hashsalt': title + description}), warnings.catch_warnings():
        # Matplotlib's font only measures the text, so missing glyphs do not matter: the browser uses another font.
        warnings.filterwarnings('ignore', 'Glyph', UserWarning)
        figure = Figure((size[0] / 72, size[1] / 72), layout='constrained')
        draw(figure)
        figure.savefig(file, format='svg', metadata=nothing)
    root = ElementTree.fromstring(file.getvalue())
    _fit_into_page(root, notes)
    root.insert(0, _text_element('desc', description))
    root.insert(0, _text_element('title', title))
    return ElementTree.tostring(root, encoding='unicode').replace(INK, 'currentColor')


def clean_text(text: str, most: int = 1000) -> str:
    """Return the text as one line of at most `most` characters that XML can represent, with the middle elided."""
    text = ' '.join(UNWRITABLE.sub('\ufffd', text).split())
    half = most // 2
    return text if len(text) <= most else f'{text[:half]}\u2026{text[len(text) - most + half + 1 :]}'


def _fit_into_page(root: ElementTree.Element, notes: Mapping[str, str]) -> None:
    """Use the page's width and fonts, add the tooltips, and remove the style sheet and ids, which affect the page."""
    root.set('role', 'img')
    root.set('width', '100%')
    root.attrib.pop('height')
    root.remove(root.find(f'{SVG}defs'))
    for element in root.iter():
        if LINK in element.attrib:  # deprecated in favour of href, and needs its own namespace
            element.set('href', element.attrib.pop(LINK))
        if element.tag == f'{SVG}text':
            element.set('style', re.sub('font-family: [^;]*;?', '', element.get('style', '')))
        if element.tag == f'{SVG}g' and (note := notes.get(element.attrib.pop('id', ''))):
            element.insert(0, _text_element('title', note))


def _text_element(tag: str, text: str) -> ElementTree.Element:
    element = ElementTree.Element(SVG + tag)
    element.text = UNWRITABLE.sub('\ufffd', text)
    return element


ElementTree.register_namespace('', 'http://www.w3.org/2000/svg')
