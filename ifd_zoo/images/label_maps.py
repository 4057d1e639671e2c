"""Label maps as palette PNG files that record their parser and label set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ifd_zoo.common.files import replacing
from ifd_zoo.labels import LABELS, PALETTE

PARSER, LABEL_SET, VERSION, SOURCE = 'ifd-parser', 'ifd-labels', 'ifd-labels-version', 'ifd-image-bytes'
"""Keys of the text in the PNG: parser id, label names, LABELS_VERSION, and size of the image file in bytes."""

LABELS_VERSION = '1'
"""Increased when a label changes its meaning but not its name."""


def write_label_map(path: Path, label_map: np.ndarray, parser: str, source: Path) -> None:
    """Write a label map (H, W) uint8 as a palette PNG of one byte per pixel.

    Args:
        path: its folder is created if missing; an existing file is replaced atomically.
        parser: id, see `ifd_zoo.parsing.cache.parser_id`.
        source: the image file.

    Raises:
        OSError: the file cannot be written.
    """
    picture = Image.fromarray(label_map)
    picture.putpalette([value for colour in PALETTE for value in colour])
    text = PngInfo()
    values = {PARSER: parser, LABEL_SET: ','.join(LABELS), VERSION: LABELS_VERSION, SOURCE: str(source.stat().st_size)}
    for key, value in values.items():
        text.add_text(key, value)
    with replacing(path) as temporary:
        picture.save(temporary, format='PNG', pnginfo=text, bits=8)


def label_fault(text: Mapping[str, Any]) -> str:
    """Return why the values of a label map do not stand for `LABELS`; empty if they do, or if its text does not say.

    Args:
        text: of the PNG, as in `PIL.Image.Image.info`.
    """
    if not {PARSER, LABEL_SET, VERSION} & set(text):
        return ''
    labels, version = text.get(LABEL_SET), text.get(VERSION)
    if (labels, version) == (','.join(LABELS), LABELS_VERSION):
        return ''
    return f'its labels are {labels} (version {version}), not {",".join(LABELS)} (version {LABELS_VERSION})'
