"""Person, outfit and camera of a photo from its file name, as named by data sets in the field or by users.

| scheme | name | |
|---|---|---|
| market1501 | `0002_c1s1_000451_03.jpg` | person, camera; one outfit per person |
| ltcc | `001_1_c3_015833.png` | person, outfit, camera |
| vc_clothes | `0257-03-01-05.jpg` | person, camera, outfit |
| deepchange | `P100_C3_0_....jpg` | person, camera, outfit |
| prcc | `001/A_cropped_rgb001.jpg`, `A/001/cropped_rgb001.jpg` | person, camera; the outfit is that of the camera |
| examples | `p152_o2_c5.jpg`, `1_p152_o0_c1.jpg` | person, outfit, camera |
| folder | `0012/2/c3_0.jpg`, `0012/2/IMG_2034.jpg`, `person_12/outfit_2/a.jpg` | person, outfit; camera from `c3_` |

A name that could just as well be an ordinary one has no label: plain numbers are a date or a counter
(`2024/01/IMG_1.jpg`, `12_3_0.jpg` of Celeb-reID, the names of LaST, VC-Clothes with underscores). So folder names have
to be explicit. Either the person is a number of three to six digits with a leading zero, and the outfit one of at most
three digits; or they begin with a word: `person`, `pid` or `id`, and `outfit` or `clothes`.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from ifd_zoo.datasets import market1501, prcc
from ifd_zoo.uploads.names import clean

DISTRACTOR = 0
"""Pid of Market-1501's gallery images that show none of its persons."""


class Label(NamedTuple):
    """Label read from the name of a file and of its folders."""

    scheme: str
    """Naming scheme. Pids of different schemes are numbered independently and cannot be compared."""
    pid: int | str
    camid: int | None = None
    clothes_id: int | str | None = None
    """Distinguishes the outfits of one person: the same value for two persons means two outfits."""


class Mark(StrEnum):
    RIGHT = 'right'
    WRONG = 'wrong'
    UNKNOWN = 'unknown'


def mark(query: Label | None, gallery: Label | None) -> Mark:
    """Return whether a gallery image shows the person of the query.

    UNKNOWN if the labels do not tell: one of them is missing, or they are of different schemes. In Market-1501, the
    junk images of pid -1, which its protocol leaves out of rankings, are unknown; its distractors of pid 0000 are wrong
    matches for every query; and as queries both are unknown. Only the person counts: images of the query's own camera,
    which protocols leave out, are right here.
    """
    if query is None or gallery is None or query.scheme != gallery.scheme:
        return Mark.UNKNOWN
    if query.scheme == 'market1501':
        if gallery.pid == market1501.JUNK or query.pid in (market1501.JUNK, DISTRACTOR):
            return Mark.UNKNOWN
    return Mark.RIGHT if query.pid == gallery.pid else Mark.WRONG


def read_label(name: str) -> Label | None:
    """Return the label in a name or path, by the table above; None if there is none or more than one.

    Args:
        name: with `/` or `\\` between folders, in any form. Shortened parts give no label.
    """
    parts = clean(name).split('/')
    folders, stem = ['', '', *parts[:-1]][-2:], COPY.sub('', SUFFIX.sub('', parts[-1]))
    found = {label.scheme: label for read in READERS if (label := read(folders, stem))}
    if len(found) > 1:
        found.pop('folder', None)  # it accepts any file name
    return found.popitem()[1] if len(found) == 1 else None


def _by_name(scheme: str, pattern: str) -> Callable[[list[str], str], Label | None]:
    """Return a reader of file names that match a pattern with the groups pid, camid and, optionally, clothes."""
    compiled = re.compile(pattern, re.ASCII)

    def read(folders: list[str], stem: str) -> Label | None:
        match = compiled.fullmatch(stem)
        if not match:
            return None
        groups = match.groupdict()
        return Label(scheme, int(groups['pid']), int(groups['camid']), _number(groups.get('clothes', '0')))

    return read


def _prcc(folders: list[str], stem: str) -> Label | None:
    match = re.fullmatch(r'(?:([ABC])_)?cropped_rgb\d{1,6}', stem, re.ASCII)
    if not match or not re.fullmatch(r'\d{3}', folders[-1], re.ASCII):
        return None
    camera = match[1] or folders[-2]
    if camera not in prcc.CAMERAS:
        return None
    return Label('prcc', int(folders[-1]), prcc.CAMERAS[camera], prcc.OUTFITS[camera])


def _folder(folders: list[str], stem: str) -> Label | None:
    path = '/'.join(folders)
    match = PADDED.fullmatch(path) or SPELLED.fullmatch(path)
    if not match:
        return None
    camera = re.fullmatch(r'c(\d{1,4})_.+', stem, re.ASCII)
    return Label('folder', _number(match[1]), int(camera[1]) if camera else None, _number(match[2]))


def _number(text: str) -> int | str:
    """Return digits as a number, so that `0012` and `12` are one person, and any other text unchanged."""
    text = text.lstrip('-_ ')
    return int(text) if text.isascii() and text.isdecimal() else text


SUFFIX = re.compile(r'\.[A-Za-z]{3,4}$')
COPY = re.compile(r' ?\(\d{1,3}\)$', re.ASCII)  # added by a browser or by this package to the second file of a name
PADDED = re.compile(r'(0\d{2,5})/(\d{1,3})', re.ASCII)
WORDS = r'(?:{})([-_ ]\w{{1,20}}|\d{{1,6}})'  # so that `identity` is not taken for `id`
SPELLED = re.compile(f'{WORDS.format("person|pid|id")}/{WORDS.format("outfit|clothes")}', re.IGNORECASE)
READERS: tuple[Callable[[list[str], str], Label | None], ...] = (
    _by_name('market1501', r'(?P<pid>-1|\d{4})_c(?P<camid>\d)s\d{1,2}_\d{3,9}_\d{2}(?:\.jpg)?'),
    _by_name('ltcc', r'(?P<pid>\d{3})_(?P<clothes>\d{1,2})_c(?P<camid>\d{1,2})_\d{6}'),
    _by_name('vc_clothes', r'(?P<pid>0\d{3})-(?P<camid>0?[1-4])-(?P<clothes>\d{1,2})-\d{1,6}'),
    _by_name('deepchange', r'P(?P<pid>\d{1,5})_C(?P<camid>\d{1,3})_(?P<clothes>[0-9A-Za-z-]{1,20})_.+'),
    _by_name('examples', r'(?:\d{1,3}_)?p(?P<pid>\d{1,6})_o(?P<clothes>\d{1,3})_c(?P<camid>\d{1,3})'),
    _prcc,
    _folder,
)
