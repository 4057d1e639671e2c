"""Names for people to read. No file is ever written under a name that came with an upload."""

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST = 80
"""Characters of a name as it is shown."""

ELLIPSIS = '\u2026'
NAMELESS = 'unnamed'
SYSTEM_NAMES = {
    'thumbs.db',
    'ehthumbs.db',
    'desktop.ini',
    '__macosx',
    '@eadir',
    '$recycle.bin',
    'system volume information',
}
DIRECTIONS = re.compile('[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]')  # these can make gpj.exe read exe.jpg
CONTROL = ('Cc', 'Zl', 'Zp')  # categories of Unicode
DRIVE = re.compile('[A-Za-z]:')


def clean(name: str) -> str:
    """A relative path with `/`, of any length, whose parts are neither empty nor `.` or `..`.

    Backslashes separate as well, drives of Windows are dropped. Characters that control the terminal, the line or the
    direction of writing are removed, bytes that are no text become U+FFFD, all other Unicode stays.
    """
    parts = map(_visible, name.replace('\\', '/').split('/'))
    kept = [part for part in parts if part not in ('', '.', '..') and not DRIVE.fullmatch(part)]
    return '/'.join(kept) or NAMELESS


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    text = DIRECTIONS.sub('', text)
    kept = (('\ufffd' if kind == 'Cs' else one) for one in text if (kind := unicodedata.category(one)) not in CONTROL)
    return ''.join(kept).strip()


def shorten_middle(name: str, longest: int = LONGEST) -> str:
    """At most `longest` characters, with an ellipsis for what was in the middle."""
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return name[:head] + ELLIPSIS + name[len(name) - (longest - 1 - head) :]


def is_system(name: str) -> bool:
    """Whether a cleaned path is what an operating system leaves beside pictures, such as `Thumbs.db` or `__MACOSX/`."""
    return any(part.lower() in SYSTEM_NAMES or part.startswith(('._', '.DS_Store')) for part in name.split('/'))


def is_hidden(name: str) -> bool:
    """Whether a part of a cleaned path begins with a dot."""
    return any(part.startswith('.') for part in name.split('/'))


class Names:
    """Gives out names of at most LONGEST characters, each once: a second `a.jpg` becomes `a (2).jpg`."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def give(self, name: str) -> str:
        """A name for a cleaned path."""
        short = shorten_middle(name)
        number = self._given.get(short, 0) + 1
        candidate = short
        while number > 1 and (candidate := _numbered(short, number)) in self._given:
            number += 1
        self._given[short] = number
        self._given.setdefault(candidate, 1)
        return candidate


def _numbered(name: str, number: int) -> str:
    suffix = PurePosixPath(name).suffix
    ending = f' ({number}){suffix}'
    if len(ending) > LONGEST // 2:  # a suffix of that length is none
        suffix, ending = '', f' ({number})'
    return shorten_middle(name.removesuffix(suffix), LONGEST - len(ending)) + ending
