"""Restriction of a search to some persons, cameras or times."""

import re
from datetime import UTC, datetime

import gradio as gr

from ifd_zoo.gallery import PhotoFile, stamp
from ifd_zoo.index import SearchFilter, parse_time
from ifd_zoo.page.files import error
from ifd_zoo.uploads import Gallery, Label


def filter_fields() -> list[gr.Textbox]:
    """Return the text boxes for the arguments of `filter_gallery`."""
    with gr.Accordion('Search only a part of the gallery', open=False), gr.Row():
        return [
            gr.Textbox('', label='Persons', placeholder='12, 34', elem_id='persons', min_width=140),
            gr.Textbox('', label='Cameras', placeholder='1, 2', elem_id='cameras', min_width=140),
            gr.Textbox('', label='Files since', placeholder='2026-05-31', elem_id='since', min_width=140),
            gr.Textbox('', label='Files until', placeholder='2026-05-31 18:30', elem_id='until', min_width=140),
        ]


def filter_gallery(gallery: Gallery, persons: str, cameras: str, since: str, until: str) -> Gallery:
    """Keep the photos of these persons and cameras, read from file names, that were last modified in this period.

    Args:
        persons, cameras: separated by spaces or commas; empty for all.
        since, until: in ISO 8601, local time if without a time zone; empty for no limit.

    Raises:
        gr.Error: a time cannot be parsed, or no photo matches.
    """
    only = SearchFilter(_words(persons), _words(cameras), _time(since), _time(until))
    if only == SearchFilter():
        return gallery
    known = map(_known, gallery.files, gallery.labels)
    fitting = [place for place, one in enumerate(known) if only.allows(*one)]
    if not fitting:
        raise error('No photo in the gallery matches these persons, cameras and times.')
    files, labels = ([values[place] for place in fitting] for values in gallery[:2])
    return Gallery(files, labels, gallery.skipped)


def _known(file: PhotoFile, label: Label | None) -> tuple[str, str, datetime]:
    pid, camid = ('' if value is None else str(value) for value in (label and label.pid, label and label.camid))
    return pid, camid, datetime.fromtimestamp(stamp(file.path)[1] // 10**9, UTC)


def _words(text: str | None) -> list[str]:
    """Split a list; strip leading zeros from numbers, as labels do."""
    words = re.split(r'[\s,;]+', str(text or ''))
    return [str(int(word)) if word.isdecimal() and word.isascii() else word for word in words if word]


def _time(text: str | None) -> datetime | None:
    try:
        return parse_time(str(text).strip()) if text else None
    except ValueError as fault:
        raise error('Give times as 2026-05-31 or 2026-05-31 18:30.') from fault
