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


def write_prcc_tree(root: Path, train: tuple[int, ...] = (2, 10, 31), test: tuple[int, ...] = (4, 40)) -> Path:
    """The layout of PRCC below `root` with label maps: two images per person and camera, and one more in `rgb/val`."""
    for camera in 'ABC':
        for view in range(2):
            for pid in train:
                _save_prcc(root, f'train/{pid:03d}/{camera}_cropped_rgb{view:03d}', pid, camera, view)
            for pid in test:
                _save_prcc(root, f'test/{camera}/{pid:03d}/cropped_rgb{view:03d}', pid, camera, view)
        for pid in train:
            _save_prcc(root, f'val/{pid:03d}/{camera}_cropped_rgb{2:03d}', pid, camera, 2)
    return root


def _save_prcc(root: Path, name: str, pid: int, camera: str, view: int) -> None:
    pixels, label_map = draw_person(pid, int(camera == 'C'), view)
    _save(pixels, root / 'rgb' / f'{name}.jpg')
    _save(label_map, root / 'parsing/rgb' / f'{name}.png')


def write_ltcc_tree(root: Path) -> Path:
    """The layout of LTCC below `root` with label maps: everybody has two outfits, but test person 40 has one.

    Each outfit is seen twice by each of two cameras; the first image of it is the query.
    """
    people = [('train', pid, outfit) for pid in (3, 12, 100) for outfit in (1, 2)]
    people += [('test', pid, outfit) for pid, outfit in ((5, 1), (5, 2), (40, 1))]
    for split, pid, outfit in people:
        for view, camera in enumerate((1, 1, 12, 12)):
            part = 'query' if split == 'test' and view == 0 else split
            name = f'LTCC_ReID/{part}/{pid:03d}_{outfit}_c{camera}_{1000 + view:06d}.png'
            pixels, label_map = draw_person(pid, outfit, view)
            _save(pixels, root / name)
            _save(label_map, root / 'parsing' / name)
    return root


PUBLISHED_TREES = {'prcc': write_prcc_tree, 'ltcc': write_ltcc_tree}
