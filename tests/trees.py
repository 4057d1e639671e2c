"""Tiny data sets on disk, for tests: blocks of colour in the shape of people."""

from pathlib import Path

import numpy as np
from PIL import Image

from ifd_zoo.parsing.labels import LABELS


def draw_person(pid: int, outfit: int, view: int, size: tuple[int, int] = (64, 32)) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (H, W, 3) and label map (H, W): the head's colour is the person, the trunk's colour the outfit."""
    rng = np.random.default_rng((pid, outfit, view))
    height, width = size
    pixels = rng.integers(90, 120, (height, width, 3), dtype=np.uint8)
    label_map = np.zeros(size, dtype=np.uint8)
    left, right = width // 4 + view % 3, 3 * width // 4 + view % 3
    waist = height // 2
    parts = (('face', 2, 10, pid), ('upper', 10, waist, 50 + outfit), ('lower', waist, height - 6, 90 + outfit))
    for name, top, bottom, seed in parts:
        pixels[top:bottom, left:right] = np.random.default_rng(seed).integers(0, 255, 3)
        label_map[top:bottom, left:right] = LABELS.index(name)
    return pixels, label_map


def write_folder_tree(root: Path, train: int = 6, test: int = 3, outfits: int = 2, views: int = 3) -> Path:
    """The `folder` layout with label maps; one query per person and outfit, and cameras that differ by view."""
    for pid in range(train + test):
        for outfit in range(outfits):
            for view in range(views):
                split = 'train' if pid < train else 'query' if view == 0 else 'gallery'
                relative = Path(split, f'{pid:04d}', str(outfit), f'c{view + outfit}_{view}')
                pixels, label_map = draw_person(pid, outfit, view)
                _save(pixels, (root / relative).with_suffix('.jpg'))
                _save(label_map, (root / 'parsing' / relative).with_suffix('.png'))
    return root


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
