"""Parser that reads label maps of another tool from disk, in our label set or in one of SCHP's."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ifd_zoo.datasets.base import DatasetError, read_label_map
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.labelsets import label_lookup


class LabelMaps:
    """Parser that reads the PNG at an image's relative path in a folder and converts it to our label set.

    Args:
        folder: folder of the label maps, PNG files with one byte per pixel.
        label_set: label set of the files, a name out of `LABEL_SETS`.

    Raises:
        ParserError: the folder is missing or has no PNG files.
    """

    config: dict = {}

    def __init__(self, folder: Path, label_set: str) -> None:
        self.folder, self.label_set = folder, label_set
        self.lookup = label_lookup(label_set)
        self.files = sorted(folder.rglob('*.png'))
        if not self.files:
            raise ParserError(f'{folder}: no label maps *.png in this folder')

    def identify(self) -> str:
        """Return the label set and a hash of the names and sizes of all files."""
        sizes = [f'{file.relative_to(self.folder).as_posix()} {file.stat().st_size}' for file in self.files]
        digest = hashlib.sha256('\n'.join([self.label_set, *sizes]).encode()).hexdigest()
        return f'labelmap_{self.label_set}:{digest[:16]}'

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """Return the label maps of images that were opened from files.

        Args:
            images: with `filename`, as set by `PIL.Image.open`. The longest end of its path that exists in the folder
                is used: `b/c.png` for `a/b/c.jpg`, if there is no `a/b/c.png`.

        Raises:
            ParserError: an image was not opened from a file, or its label map is missing or does not fit.
        """
        return [self._read(image) for image in images]

    def _read(self, image: Image.Image) -> np.ndarray:
        name = getattr(image, 'filename', '')
        if not name:
            raise ParserError(f'{self.folder}: label maps are found by file name, and this image has none')
        parts = Path(name).absolute().with_suffix('.png').parts
        candidates = (self.folder.joinpath(*parts[start:]) for start in range(1, len(parts)))
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise ParserError(f'{name}: no label map in {self.folder}')
        try:
            values = read_label_map(path, image.size, len(self.lookup))
        except DatasetError as error:
            raise ParserError(str(error)) from error
        return self.lookup[values]


def load_ours(source: str, device: str | torch.device = 'cpu') -> LabelMaps:
    return LabelMaps(Path(source).expanduser(), 'ifd')


def load_lip(source: str, device: str | torch.device = 'cpu') -> LabelMaps:
    return LabelMaps(Path(source).expanduser(), 'lip')


def load_atr(source: str, device: str | torch.device = 'cpu') -> LabelMaps:
    return LabelMaps(Path(source).expanduser(), 'atr')
