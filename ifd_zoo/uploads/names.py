"""Display names. No file is ever written under an uploaded name."""

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST = 80
"""Characters of a name that is displayed."""

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
DIRECTIONS = re.compile('[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]')  # can make gpj.exe look like exe.jpg
CONTROL = ('Cc', 'Zl', 'Zp')  # Unicode categories
DRIVE = re.compile('[A-Za-z]:')


def clean(name: str) -> str:
    """Return a relative path with `/`, of any length, whose parts are not empty, `.` or `..`.

    Backslashes separate as well, Windows drives are dropped. Characters that control the terminal, the line or the
    writing direction are removed, bytes that are not text become U+FFFD, all other Unicode stays.
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
    """Return at most `longest` characters of a name, with an ellipsis in place of its middle."""
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return name[:head] + ELLIPSIS + name[len(name) - (longest - 1 - head) :]


def is_system(name: str) -> bool:
    """Return whether a cleaned path was added by an operating system, such as `Thumbs.db` or `__MACOSX/`."""
    return any(part.lower() in SYSTEM_NAMES or part.startswith(('._', '.DS_Store')) for part in name.split('/'))


def is_hidden(name: str) -> bool:
    """Return whether a part of a cleaned path begins with a dot."""
    return any(part.startswith('.') for part in name.split('/'))


class Names:
    """Assigns unique names of at most LONGEST characters: a second `a.jpg` becomes `a (2).jpg`."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def give(self, name: str) -> str:
        """Return a unique name for a cleaned path."""
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
    if len(ending) > LONGEST // 2:  # too long for a suffix
        suffix, ending = '', f' ({number})'
    return shorten_middle(name.removesuffix(suffix), LONGEST - len(ending)) + ending
