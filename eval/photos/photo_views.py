"""Synthetic views of the people in photos, as if by other cameras, for `eval/recoloured.py`.

A view has another photo's background, its own warp, crop, size, light and noise, and may be mirrored. The person is cut
out by a label map; colours from inside are extended over its edge, so that no rim of the old background or clothes is
left.
"""

import colorsys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor

from ifd_zoo.datasets.base import DatasetError, read_label_map
from ifd_zoo.images.loading import load_image
from ifd_zoo.labels import CLOTHING, LABELS
from ifd_zoo.masks import class_mask
from ifd_zoo.parsing.registry import HumanParser
from ifd_zoo.parsing.training_sources import TARGETS, read_label_names, target_lookup
from ifd_zoo.recolour import Recolour
from ifd_zoo.recolour.colour import to_oklab
from ifd_zoo.recolour.seams import continue_colours

HEIGHT = 512  # of a photo in pixels; sizes in pixels below are for this height
LEAST_CLOTHING = 0.01  # share of the photo
NAMED = 5  # photos named in a message
FLOW, FLOW_GRID = 0.013, (6, 4)  # standard deviation as a share of the height; rows and columns
WIDTHS = (0.82, 1.2)
CUT, CUT_AT = 0.3, (0.55, 0.75)  # share of views that are cut; where, as a share of the body's height
MARGINS = (-0.02, 0.08)  # shares of the body's height
SCALES = (0.25, 0.6)
GAMMA, GAIN, TINT = 0.25, 0.25, 0.04  # in log space: maximum, maximum, standard deviation
NOISE = (1.0, 7.0)  # standard deviation in grey levels
BLUR = (2.0, 6.0)  # pixels
NEUTRAL = 0.45  # share of the new colours that are nearly grey
OTHER = 0.25  # minimum distance of old and new colour in Oklab

KINDS = ('gallery', 'same clothes', 'recoloured')


class Photo(NamedTuple):
    name: str
    image: Image.Image
    """RGB; `HEIGHT` pixels high as loaded by `Photos`."""
    label_map: np.ndarray
    """(H, W) uint8 in `LABELS`."""


class Photos:
    """Photos in a folder with their label maps.

    Args:
        folder: folder of the photos.
        labels: folder with label maps `<same path>.png`: classes of Clothing Co-Parsing if there is a `label_names.txt`
            in it or next to it, otherwise positions in `LABELS`. None to parse the photos.
    """

    def __init__(self, folder: Path, labels: Path | None, parser: HumanParser) -> None:
        self.folder, self.labels, self.parser = folder, labels, parser
        self.lookup = np.arange(len(LABELS), dtype=np.uint8)
        for place in (labels, labels.parent) if labels else ():
            if (names := place / 'label_names.txt').is_file():
                targets = target_lookup(read_label_names(names))
                self.lookup = np.array([LABELS.index(TARGETS[target][0]) for target in targets], np.uint8)
                break

    def check(self, paths: Sequence[Path], worn: bool) -> None:
        """Raise DatasetError naming the unusable photos; with `worn` also those with hardly any clothing."""
        faults = []
        for path in paths:
            try:
                photo = self.load([path])[0]
                if worn and class_mask(photo.label_map).mean() < LEAST_CLOTHING:
                    faults.append(f'{path}: hardly any clothes in its label map; leave it out with --select')
            except ValueError as error:  # ImageError and DatasetError
                faults.append(str(error))
        if faults:
            more = f'; and {len(faults) - NAMED} more' if len(faults) > NAMED else ''
            raise DatasetError(f'{len(faults)} of {len(paths)} photos: {"; ".join(faults[:NAMED])}{more}')

    def load(self, paths: Sequence[Path]) -> list[Photo]:
        """Load photos with their label maps. Raises ImageError or DatasetError, which names the file."""
        images = [load_image(path, str(path)) for path in paths]
        small = [image.resize(_at_height(image), Image.Resampling.LANCZOS) for image in images]
        if self.labels is None:
            maps = self.parser.parse(small)
        else:
            maps = [self._read(*pair) for pair in zip(paths, images, small, strict=True)]
        names = [path.relative_to(self.folder).with_suffix('').as_posix() for path in paths]
        return list(map(Photo, names, small, maps))

    def _read(self, path: Path, image: Image.Image, small: Image.Image) -> np.ndarray:
        place = (self.labels / path.relative_to(self.folder)).with_suffix('.png')
        label_map = self.lookup[read_label_map(place, image.size, len(self.lookup))]
        return np.asarray(Image.fromarray(label_map).resize(small.size, Image.Resampling.NEAREST))


def make_views(photo: Photo, others: Sequence[Photo], seed: int) -> dict[str, list[Image.Image]]:
    """Make the views of a photo by `KINDS`: half as many of each kind as there are other photos for backgrounds.

    A `recoloured` view differs from its `same clothes` view in the clothes only.
    """
    own = zlib.crc32(photo.name.encode())

    def draw(shown: Photo, number: int) -> Image.Image:
        return make_view(shown, others[number], np.random.default_rng((seed, own, 0, number)))

    gallery, query = range(0, len(others), 2), range(1, len(others), 2)
    dressed = [recolour(photo, np.random.default_rng((seed, own, 1, number))) for number in query]
    views = [draw(photo, number) for number in gallery], [draw(photo, number) for number in query]
    return dict(zip(KINDS, (*views, list(map(draw, dressed, query))), strict=True))


def recolour(photo: Photo, rng: np.random.Generator) -> Photo:
    """Give each class of clothes in the photo another colour."""
    image = photo.image
    for name in CLOTHING:
        mask = class_mask(photo.label_map, (name,))
        if mask.any():
            old = np.median(to_oklab(np.asarray(photo.image)[mask]), axis=0)
            image = Recolour((name,), _new_colour(old, rng)).apply(image, photo.label_map)
    return photo._replace(image=image)


def make_view(photo: Photo, other: Photo, rng: np.random.Generator) -> Image.Image:
    """Render the person of a photo in front of another photo's background."""
    person = _reshape(cut_out(photo), rng)
    alpha = person[3].numpy()
    ground = np.asarray(backdrop(other, alpha.shape[::-1], rng))
    pixels = person[:3].permute(1, 2, 0).numpy() + (1 - alpha[..., None]) * ground
    left, top, right, bottom = box = _crop(alpha > 0.5, rng)
    scale = rng.uniform(*SCALES)
    size = round((right - left) * scale), round((bottom - top) * scale)
    small = Image.fromarray(pixels.round().astype(np.uint8)).resize(size, Image.Resampling.BILINEAR, box)
    return _light(np.asarray(small), rng)


def _at_height(image: Image.Image) -> tuple[int, int]:
    return max(1, round(image.width * HEIGHT / image.height)), HEIGHT


def _new_colour(old: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int]:
    while True:
        neutral = rng.random() < NEUTRAL
        saturation, value = (rng.uniform(0, 0.15), rng.uniform(0.1, 0.92)) if neutral else rng.uniform(0.2, 0.8, 2)
        colour = np.round(255 * np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value))).astype(np.uint8)
        if np.linalg.norm(to_oklab(colour) - old) > OTHER:
            return tuple(colour.tolist())


def cut_out(photo: Photo) -> Tensor:
    """Cut out the person: (4, H, W) float32, colours in [0, 255] times alpha, and alpha."""
    mask = Image.fromarray((photo.label_map > 0).astype(np.uint8) * 255)
    inside = np.asarray(mask.filter(ImageFilter.MinFilter(7))) > 0
    alpha = mask.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(1))
    colours = continue_colours(photo.image, inside, photo.image, 4)
    alpha = torch.from_numpy(np.asarray(alpha, np.float32) / 255)
    return torch.cat([torch.from_numpy(np.array(colours)).permute(2, 0, 1) * alpha, alpha[None]])


def _reshape(person: Tensor, rng: np.random.Generator) -> Tensor:
    """Warp by a smooth flow, change the width and mirror at random: (C, H, W) -> (C, H, W')."""
    height, width = person.shape[1:]
    new = round(width * rng.uniform(*WIDTHS))
    y, x = torch.meshgrid(torch.arange(height) + 0.5, (torch.arange(new) + 0.5) * width / new, indexing='ij')
    if rng.random() < 0.5:
        x = width - x
    coarse = torch.from_numpy(rng.normal(0, FLOW * height, (1, 2, *FLOW_GRID))).float()
    flow = F.interpolate(coarse, (height, new), mode='bicubic')[0]
    grid = torch.stack([2 * (x + flow[0]) / width - 1, 2 * (y + flow[1]) / height - 1], dim=-1)
    # Border padding, so that people cut off by the photo's edge stay cut off.
    return F.grid_sample(person[None], grid[None].float(), padding_mode='border', align_corners=False)[0]


def backdrop(photo: Photo, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Return a blurred part of a photo with its person filled in, at size (width, height)."""
    small = photo.image.reduce(4)
    free = Image.fromarray((photo.label_map == 0).astype(np.uint8) * 255).reduce(4)
    known = np.asarray(free.filter(ImageFilter.MinFilter(5))) == 255
    filled = small
    for radius in (60, 20, 6, 2):  # from coarse to fine
        filled = continue_colours(small, known, filled, radius)
    ratio, share = size[0] / size[1], rng.uniform(0.6, 1)
    height = share * min(filled.height, filled.width / ratio)
    left, top = rng.uniform(0, filled.width - height * ratio), rng.uniform(0, filled.height - height)
    ground = filled.resize(size, Image.Resampling.BICUBIC, (left, top, left + height * ratio, top + height))
    if rng.random() < 0.5:
        ground = ground.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ground.filter(ImageFilter.GaussianBlur(rng.uniform(*BLUR)))


def _crop(mask: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw a crop box around the person or the upper body."""
    rows = np.flatnonzero(mask.any(1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    body, cut, share = bottom - top, rng.random() < CUT, rng.uniform(*CUT_AT)
    bottom = round(top + share * body) if cut else bottom
    columns = np.flatnonzero(mask[top:bottom].any(0))
    margins = np.round(rng.uniform(*MARGINS, 4) * body).astype(int)
    left, right = int(columns[0]) - margins[0], int(columns[-1]) + 1 + margins[1]
    top, bottom = top - margins[2], bottom + (0 if cut else margins[3])
    return max(left, 0), max(top, 0), min(right, mask.shape[1]), min(bottom, mask.shape[0])


def _light(pixels: np.ndarray, rng: np.random.Generator) -> Image.Image:
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
    gain = np.exp(rng.uniform(-GAIN, GAIN) + rng.normal(0, TINT, 3))
    noise = rng.normal(0, rng.uniform(*NOISE), pixels.shape)
    return Image.fromarray((255 * gain * (pixels / 255) ** gamma + noise).clip(0, 255).round().astype(np.uint8))
