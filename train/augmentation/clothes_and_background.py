"""Augmentations of an image and its label map before the crop: clothes, background and outline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor

from ifd_zoo.datasets import Record, RecordDataset
from ifd_zoo.datasets.base import read_image
from ifd_zoo.labels import LABELS
from ifd_zoo.recolour import BOTTOM, PATTERNS, TOP, Recolour
from ifd_zoo.transforms import EvalTransform

BACKGROUND = LABELS.index('background')
VIEW_SCALE = 1.25
"""Sides of a photo's view relative to the network's input: enough pixels for the crop, and none to spare."""


@dataclass(frozen=True)
class Variation:
    """Probabilities in [0, 1], for images with known identities; photos are changed in every view, in all respects."""

    recolour: float = 0.0
    """Recolour the garments, which makes a new outfit."""
    background: float = 0.0
    """Replace the background by part of another image."""

    def __bool__(self) -> bool:
        return bool(self.recolour or self.background)


class VariedDataset(RecordDataset):
    """Augmented records, followed by photos that are each treated as a separate person.

    Args:
        records: images with known identities.
        transform: as for `RecordDataset`.
        variation: probabilities for the records' images.
        photos: records with label maps and negative pids. Each view of a photo is a new crop of the person, with
            another outline, other colours and another image as background.
        originals: add `original` (3, H, W) to the items: the same view of the image without recolouring.
    """

    def __init__(
        self,
        records: Sequence[Record],
        transform: EvalTransform,
        variation: Variation,
        photos: Sequence[Record] = (),
        originals: bool = False,
    ) -> None:
        super().__init__([*records, *photos], transform)
        self.variation, self.first_photo, self.originals = variation, len(records), originals
        self.view_size = tuple(round(VIEW_SCALE * side) for side in transform.size)

    def __getitem__(self, index: int) -> dict:
        photo = index >= self.first_photo
        if not photo and not self.variation:
            item = super().__getitem__(index)
            return item | {'original': item['image']} if self.originals else item
        seed, state = int(torch.randint(2**62, ())), torch.get_rng_state()
        item = self._varied(index, seed)
        if self.originals and item['clothes_id'] == self.records[index].clothes_id:
            item['original'] = item['image']
        elif self.originals:
            torch.set_rng_state(state)
            item['original'] = self._varied(index, seed, own_colours=True)['image']
        return item

    def _varied(self, index: int, seed: int, own_colours: bool = False) -> dict:
        photo, rng = index >= self.first_photo, np.random.default_rng(seed)
        image, label_map = self.load(index)
        recoloured = label_map is not None and (photo or rng.random() < self.variation.recolour)
        if photo:
            image, label_map = shrink(image, label_map, 2 * self.view_size[0])
        if recoloured:
            redressed = recolour_clothes(image, label_map, rng)
            image = image if own_colours else redressed
        if photo:
            image, label_map = warp_view(image, label_map, rng, self.view_size)
        if label_map is not None and (photo or rng.random() < self.variation.background):
            behind = read_image(self.records[int(rng.integers(len(self)))].path)
            image = replace_background(image, label_map, behind, rng)
        record = self.records[index]
        labels = {'pid': record.pid, 'camid': record.camid, 'index': index}
        clothes_id = -1 - int(rng.integers(2**62)) if recoloured else record.clothes_id
        return {**self.transform(image, label_map)._asdict(), **labels, 'clothes_id': clothes_id}


def shrink(image: Image.Image, label_map: np.ndarray, side: int) -> tuple[Image.Image, np.ndarray]:
    """Shrink image and label map to at most `side` pixels on the longer side."""
    scale = side / max(image.size)
    if scale >= 1:
        return image, label_map
    size = tuple(max(1, round(length * scale)) for length in image.size)
    labels = Image.fromarray(label_map).resize(size, Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.BILINEAR), np.asarray(labels)


def recolour_clothes(image: Image.Image, label_map: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Recolour upper clothes, lower clothes or both, sometimes with a pattern."""
    parts = [(TOP, 0.85), (BOTTOM, 0.6)]
    chosen = [classes for classes, probability in parts if rng.random() < probability] or [TOP]
    for classes in chosen:
        colour, second = _cloth(rng), _cloth(rng)
        pattern = str(rng.choice(list(PATTERNS))) if rng.random() < 0.3 else 'plain'
        plain = pattern == 'plain'
        edit = Recolour(classes, colour, pattern, None if plain else second, float(rng.uniform(0.02, 0.1)))
        image = edit.apply(image, label_map) if edit.applies(label_map) else image
    return image


def _cloth(rng: np.random.Generator) -> tuple[int, int, int]:
    """Draw a random clothing colour, usually a muted one."""
    levels = rng.integers(8, 248, 3)
    muted = levels.mean() + rng.random() * (levels - levels.mean())
    return tuple(int(level) for level in muted.round())


def warp_view(
    image: Image.Image, label_map: np.ndarray, rng: np.random.Generator, size: tuple[int, int]
) -> tuple[Image.Image, np.ndarray]:
    """Return a view of the person of `size` (height, width): cropped loosely, at times without legs, and warped.

    The random flow is about 1.3 % of the height, so that the outline does not give a photo away.
    """
    top, left, bottom, right = person_box(label_map)
    tall = bottom - top
    if rng.random() < 0.3:
        bottom = top + tall * rng.uniform(0.55, 0.75)
    top, bottom = (edge + sign * rng.uniform(-0.02, 0.08) * tall for edge, sign in ((top, -1), (bottom, 1)))
    half = (bottom - top) * size[1] / size[0] / 2 / rng.uniform(0.82, 1.2)
    middle = (left + right) / 2 + rng.uniform(-0.06, 0.06) * tall
    grid = _sampling_grid((top, bottom), (middle - half, middle + half), label_map.shape, size)
    flow = torch.from_numpy(rng.normal(size=(1, 2, 6, 4))).float()
    bend = F.interpolate(flow, size, mode='bicubic', align_corners=True).permute(0, 2, 3, 1)
    # grid_sample counts in half sides of the image.
    reach = 0.013 * (bottom - top) * 2 / torch.tensor([label_map.shape[1], label_map.shape[0]])
    grid = grid + bend * reach
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float()
    labels = torch.from_numpy(label_map.astype(np.float32))[None, None]
    view = F.grid_sample(pixels, grid, 'bilinear', 'border', align_corners=False)
    moved = F.grid_sample(labels, grid, 'nearest', 'zeros', align_corners=False)
    picture = Image.fromarray(view[0].permute(1, 2, 0).round().to(torch.uint8).numpy())
    return picture, moved[0, 0].to(torch.uint8).numpy()


def _sampling_grid(
    rows: tuple[float, float], columns: tuple[float, float], shape: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Return where the pixels of a view of `size` lie in an image of `shape`, (1, H, W, 2) as for `grid_sample`."""
    places = []
    for (first, last), length, side in ((columns, size[1], shape[1]), (rows, size[0], shape[0])):
        centres = (torch.arange(length) + 0.5) / length
        places.append(2 * (first + centres * (last - first)) / side - 1)
    across, down = places
    return torch.stack([across.expand(size), down[:, None].expand(size)], dim=-1)[None].float()


def person_box(label_map: np.ndarray) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) of all but the background; the whole image if there is nothing else."""
    rows, columns = (np.flatnonzero((label_map != BACKGROUND).any(axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, *label_map.shape
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def replace_background(
    image: Image.Image, label_map: np.ndarray, behind: Image.Image, rng: np.random.Generator
) -> Image.Image:
    """Place the person in front of a part of another image, which is usually blurred.

    The outermost pixels of the person are dropped, since they also show the old background.
    """
    width, height = image.size
    share = rng.uniform(0.4, 1.0)
    box_height = min(behind.height, share * behind.width * height / width)
    box_width = box_height * width / height
    left, top = rng.uniform(0, behind.width - box_width), rng.uniform(0, behind.height - box_height)
    box = (left, top, left + box_width, top + box_height)
    behind = behind.resize(image.size, Image.Resampling.BILINEAR, box=box)
    if rng.random() < 0.8:
        behind = behind.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 0.03 * height)))
    person = Image.fromarray((label_map != BACKGROUND).astype(np.uint8) * 255)
    soft = person.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.7))
    return Image.composite(image, behind, soft)
