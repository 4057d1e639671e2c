"""Overview sheets of a set: images above their label maps in colour."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from ifd_zoo.labels import LABELS, PALETTE
from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.plan import Shot
from ifd_zoo.synthetic.writer import Artist, write_jpeg

CELL_HEIGHT, SMALL = 192, 2
"""Cell height in pixels, and the factor by which label maps on the people sheet are smaller."""
GAP = 4
QUALITY = 90
WHITE = 255


def contact_sheet(root: Path, shots: Sequence[Shot], columns: int = 12) -> np.ndarray:
    """Draw images above their label maps, as (H, W, 3) uint8 RGB with the legend of the labels on top."""
    cells = [_column([image, label_map]) for image, label_map in _read_all(root, shots)]
    rows = [_row(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    return _sheet(rows)


def people_sheet(root: Path, people: Sequence[Sequence[Sequence[Shot]]]) -> np.ndarray:
    """Draw a row for each person, with the views of an outfit side by side.

    Args:
        people: shots by person and outfit.
    """
    rows = []
    for outfits in people:
        cells = [_row([_small_map_below(*pair) for pair in _read_all(root, shots)], 0) for shots in outfits]
        rows.append(_row(cells))
    return _sheet(rows)


def realism_sheet(artist: Artist, path: Path, shots: Sequence[Shot]) -> None:
    """Render shots without any realism option, above the same shots with the set's options, and write to `path`."""
    options = (Options.plain(), artist.settings.options)
    cells = [_column([_cell(artist.draw(shot, choice).image) for choice in options]) for shot in shots]
    write_jpeg(path, _row(cells), QUALITY)


def spread(shots: Sequence[Shot], number: int) -> list[Shot]:
    """Return up to `number` shots, evenly spaced."""
    places = np.linspace(0, len(shots) - 1, min(number, len(shots)))
    return [shots[index] for index in places.round().astype(int)]


def _read_all(root: Path, shots: Iterable[Shot]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cells of images and of their label maps in colour."""
    return [(_cell(_read(root / shot.image)), _cell(_read(root / shot.label_map))) for shot in shots]


def _read(path: Path) -> np.ndarray:
    """RGB image, or a label map in its palette's colours."""
    # cv2.imread would not say what went wrong.
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise OSError(f'{path}: is damaged; remove it and run the same command again')
    return pixels[..., ::-1]


def _cell(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    size = (max(1, round(width * CELL_HEIGHT / height)), CELL_HEIGHT)
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)


def _small_map_below(image: np.ndarray, label_map: np.ndarray) -> np.ndarray:
    height, width = image.shape[0] // SMALL, image.shape[1] // SMALL
    below = np.zeros((height, image.shape[1], 3), np.uint8)
    left = (image.shape[1] - width) // 2
    below[:, left : left + width] = cv2.resize(label_map, (width, height), interpolation=cv2.INTER_AREA)
    return np.vstack([image, below])


def _row(cells: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Join cells of the same height side by side."""
    space = np.full((cells[0].shape[0], gap, 3), WHITE, np.uint8)
    return np.hstack([part for cell in cells for part in (space, cell)][1:])


def _column(cells: Sequence[np.ndarray]) -> np.ndarray:
    return np.vstack(cells)


def _sheet(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Stack rows below the legend, padded to the widest."""
    width = max(row.shape[1] for row in rows)
    parts = [_legend(width), *rows]
    return np.vstack([_pad(part, width) for part in parts])


def _pad(part: np.ndarray, width: int) -> np.ndarray:
    white = (WHITE, WHITE, WHITE)
    return cv2.copyMakeBorder(part, 0, GAP, 0, width - part.shape[1], cv2.BORDER_CONSTANT, value=white)


def _legend(width: int) -> np.ndarray:
    """Draw the colour and name of each label, on as many lines as needed."""
    places, x, y = [], GAP, 0
    for label in LABELS:
        (length, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
        if x + length + 24 > width and x > GAP:
            x, y = GAP, y + 18
        places.append((x, y))
        x += length + 30
    legend = np.full((y + 18, width, 3), WHITE, np.uint8)
    for label, colour, (x, y) in zip(LABELS, PALETTE, places, strict=True):
        cv2.rectangle(legend, (x, y + 2), (x + 12, y + 14), colour, -1)
        cv2.putText(legend, label, (x + 17, y + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return legend
