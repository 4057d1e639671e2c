"""Label maps as PNG files in colour that say which parser and which labels they are of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ifd_zoo.common.files import replacing
from ifd_zoo.labels import LABELS, PALETTE

PARSER, LABEL_SET, VERSION, SOURCE = 'ifd-parser', 'ifd-labels', 'ifd-labels-version', 'ifd-image-bytes'
"""Keys of the text in the PNG: id of the parser, names of the labels, LABELS_VERSION, size of the image's file."""

LABELS_VERSION = '1'
"""Goes up when a label changes its meaning but not its name."""


def write_label_map(path: Path, label_map: np.ndarray, parser: str, source: Path) -> None:
    """Write (H, W) uint8 as a palette PNG of one byte per pixel.

    Args:
        path: its folder is made when missing; a file that is there is replaced in one step.
        parser: id, see `ifd_zoo.parsing.cache.parser_id`.
        source: the image.

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
    """Why values of a label map do not mean what they mean here; empty when they do, or when its text is silent.

    Args:
        text: of the PNG, as in `PIL.Image.Image.info`.
    """
    if not {PARSER, LABEL_SET, VERSION} & set(text):
        return ''
    labels, version = text.get(LABEL_SET), text.get(VERSION)
    if (labels, version) == (','.join(LABELS), LABELS_VERSION):
        return ''
    return f'its labels are {labels} (version {version}), not {",".join(LABELS)} (version {LABELS_VERSION})'
