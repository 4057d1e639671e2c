"""Tiny data sets on disk, for tests: blocks of colour in the shape of people."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ifd_zoo.labels import LABELS


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
                _save_person(root, f'rgb/train/{pid:03d}/{camera}_cropped_rgb{view:03d}.jpg', pid, camera == 'C', view)
            for pid in test:
                _save_person(root, f'rgb/test/{camera}/{pid:03d}/cropped_rgb{view:03d}.jpg', pid, camera == 'C', view)
        for pid in train:
            _save_person(root, f'rgb/val/{pid:03d}/{camera}_cropped_rgb{2:03d}.jpg', pid, camera == 'C', 2)
    return root


def _save_person(root: Path, name: str, pid: int, outfit: int, view: int) -> None:
    """An image at `name` below `root`, and its label map."""
    pixels, label_map = draw_person(pid, int(outfit), view)
    _save(pixels, root / name)
    _save(label_map, (root / 'parsing' / name).with_suffix('.png'))


def write_ltcc_tree(root: Path) -> Path:
    """The layout of LTCC below `root` with label maps: everybody has two outfits, but test person 40 has one.

    Each outfit is seen twice by each of two cameras; the first image of it is the query.
    """
    people = [('train', pid, outfit) for pid in (3, 12, 100) for outfit in (1, 2)]
    people += [('test', pid, outfit) for pid, outfit in ((5, 1), (5, 2), (40, 1))]
    for split, pid, outfit in people:
        for view, camera in enumerate((1, 1, 12, 12)):
            part = 'query' if split == 'test' and view == 0 else split
            name = f'{pid:03d}_{outfit}_c{camera}_{1000 + view:06d}.png'
            _save_person(root, f'LTCC_ReID/{part}/{name}', pid, outfit, view)
    return root


def write_vc_clothes_tree(root: Path) -> Path:
    """The layout of VC-Clothes below `root` with label maps: two images per person and camera.

    Cameras 2 and 3 see outfit 1, cameras 1 and 4 outfit 2; test person 40 wears outfit 1 everywhere. Of test people the
    first image is the query.
    """
    for pid in (3, 12, 5, 40):
        for camera in (1, 2, 3, 4):
            outfit = 1 if camera in (2, 3) or pid == 40 else 2
            for view, part in enumerate(('train', 'train') if pid in (3, 12) else ('query', 'gallery')):
                name = f'VC-Clothes/{part}/{pid:04d}-{camera:02d}-{outfit:02d}-{view:02d}.jpg'
                _save_person(root, name, pid, outfit, view)
    return root


def write_last_tree(root: Path) -> Path:
    """The layout of LaST below `root` with label maps: two outfits in training, and test person 99 in no query."""
    for pid in (2, 10):
        for outfit in (1, 2):
            for view in range(2):
                _save_person(root, f'last/train/{pid:06d}/{pid:06d}_{view:04d}_{outfit:02d}.jpg', pid, outfit, view)
    for pid in (5, 40, 99):
        for view in range(2):
            _save_person(root, f'last/test/gallery/{pid:06d}/{pid:06d}_{view:04d}.jpg', pid, 1, view)
        if pid != 99:
            _save_person(root, f'last/test/query/{pid:06d}_{2:04d}.jpg', pid, 1, 2)
            _save_person(root, f'last/val/query/{pid + 1:06d}_{0:04d}.jpg', pid + 1, 1, 0)
            _save_person(root, f'last/val/gallery/{pid + 1:06d}/{pid + 1:06d}_{1:04d}.jpg', pid + 1, 1, 1)
    return root


def write_deepchange_tree(root: Path) -> Path:
    """The layout of DeepChange below `root` with label maps: two images per person and tracklet.

    Camera 1 sees test person 5 in tracklets 7 (first image: the query) and 8; person 40 has only tracklet 9.
    """
    folder = root / 'DeepChangeDataset'
    images = {'train-set': [(pid, day, 10 * pid + day) for pid in (2, 10) for day in (1, 2)]}
    images['test-set'] = [(5, 1, 7), (5, 1, 8), (40, 1, 9)]
    lists: dict[str, list[str]] = {'train-set': [], 'test-set-query': [], 'test-set-gallery': []}
    for split, tracklets in images.items():
        for pid, day, tracklet in tracklets:
            for view in range(2):
                part = split if split == 'train-set' else f'{split}-{"gallery" if view or tracklet == 8 else "query"}'
                name = f'P{pid}_C1_2020010{day}_12_{tracklet}_{view}.jpg'
                _save_person(root, f'DeepChangeDataset/{part}/{name}', pid, day, view)
                lists[part].append(f'{name},{tracklet}\n')
    for part, lines in lists.items():
        (folder / f'{part}-bbox.txt').write_text(''.join(reversed(lines)))
    return root


def write_celeb_reid_tree(root: Path) -> Path:
    """The layout of Celeb-reID below `root` with label maps: of test people the first image is the query."""
    for pid in (2, 10, 5, 40):
        for view in range(1, 4):
            part = 'train' if pid in (2, 10) else 'query' if view == 1 else 'gallery'
            _save_person(root, f'Celeb-reID/{part}/{pid}_{view}_0.jpg', pid, view, view)
    return root


def write_market1501_tree(root: Path) -> Path:
    """The layout of Market-1501 below `root` with label maps: each camera sees each person twice.

    Cameras 1 and 2 see test person 5, only camera 3 sees person 40; the first image of a camera is the query. In the
    gallery are also a distractor and a detection that is left out.
    """
    for pid, camera in ((2, 1), (2, 2), (10, 1), (10, 2), (5, 1), (5, 2), (40, 3)):
        for view in range(2):
            part = 'bounding_box_train' if pid in (2, 10) else 'bounding_box_test' if view else 'query'
            name = f'{pid:04d}_c{camera}s1_{1000 + view:06d}_0{view}.jpg'
            _save_person(root, f'Market-1501-v15.09.15/{part}/{name}', pid, 0, view)
    for name in ('0000_c1s1_000151_02', '-1_c2s1_000401_03'):
        _save_person(root, f'Market-1501-v15.09.15/bounding_box_test/{name}.jpg', 0, 0, 0)
    return root


class Tree(NamedTuple):
    """A small tree in a published layout."""

    write: Callable[[Path], Path]
    """Makes it below a folder, which it returns."""
    splits: list[str]
    """Folders below that which hold images."""
    warnings: list[str]
    """What the reader says of each split that is not of the published size; none where no size was published."""


PUBLISHED_TREES = {
    'prcc': Tree(
        write_prcc_tree,
        ['rgb/train', 'rgb/test/A', 'rgb/test/B', 'rgb/test/C'],
        [
            'PRCC train: expected 17896 images, 150 persons, 300 outfits; found 18 images, 3 persons, 6 outfits',
            'PRCC test A: expected 3384 images, 71 persons; found 4 images, 2 persons',
            'PRCC test B: expected 3873 images, 71 persons; found 4 images, 2 persons',
            'PRCC test C: expected 3543 images, 71 persons; found 4 images, 2 persons',
        ],
    ),
    'ltcc': Tree(
        write_ltcc_tree,
        ['LTCC_ReID/train', 'LTCC_ReID/query', 'LTCC_ReID/test'],
        [
            'LTCC train: expected 9576 images, 77 persons; found 24 images, 3 persons',
            'LTCC query: expected 493 images; found 3 images',
            'LTCC test (gallery): expected 7050 images; found 9 images',
            'LTCC query and test: expected 75 persons; found 2 persons',
        ],
    ),
    'vc_clothes': Tree(
        write_vc_clothes_tree,
        ['VC-Clothes/train', 'VC-Clothes/query', 'VC-Clothes/gallery'],
        [
            'VC-Clothes train: expected 9449 images, 256 persons; found 16 images, 2 persons',
            'VC-Clothes query: expected 1020 images; found 8 images',
            'VC-Clothes gallery: expected 8591 images; found 8 images',
            'VC-Clothes query and gallery: expected 256 persons; found 2 persons',
        ],
    ),
    'last': Tree(
        write_last_tree,
        ['last/train', 'last/test/query', 'last/test/gallery'],
        [
            'LaST train: expected 71248 images, 5000 persons; found 8 images, 2 persons',
            'LaST query: expected 10176 images, 5805 persons; found 2 images, 2 persons',
            'LaST gallery: expected 125353 images, 5806 persons; found 6 images, 3 persons',
        ],
    ),
    'deepchange': Tree(
        write_deepchange_tree,
        ['DeepChangeDataset/train-set', 'DeepChangeDataset/test-set-query', 'DeepChangeDataset/test-set-gallery'],
        [],
    ),
    'celeb_reid': Tree(
        write_celeb_reid_tree,
        ['Celeb-reID/train', 'Celeb-reID/query', 'Celeb-reID/gallery'],
        [
            'Celeb-reID train: expected 20208 images, 632 persons; found 6 images, 2 persons',
            'Celeb-reID query: expected 2972 images, 420 persons; found 2 images, 2 persons',
            'Celeb-reID gallery: expected 11006 images, 420 persons; found 4 images, 2 persons',
        ],
    ),
    'market1501': Tree(
        write_market1501_tree,
        [f'Market-1501-v15.09.15/{split}' for split in ('bounding_box_train', 'query', 'bounding_box_test')],
        [
            'Market-1501 bounding_box_train: expected 12936 images, 751 persons; found 8 images, 2 persons',
            'Market-1501 query: expected 3368 images, 750 persons; found 3 images, 2 persons',
            'Market-1501 bounding_box_test: expected 15913 images, 751 persons; found 4 images, 3 persons',
        ],
    ),
}
