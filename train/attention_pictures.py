"""Contact sheets of the attention stream during training: one per drawn epoch, always of the same few images."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ifd_zoo.datasets import Record, RecordDataset
from ifd_zoo.explain.overlays import attention_overlay, colour_bar
from ifd_zoo.images.sheets import sheet, write
from ifd_zoo.models.inference import infer
from ifd_zoo.transforms import EvalTransform

TILE_HEIGHT = 192  # pixels, minimum: crops of 64 pixels are too small to read
GAP = 4  # pixels between and around tiles
FONT, TEXT = 12, (70, 70, 70)
ROWS = ('image', 'clothing\nmasked', 'attention')


class _Photos(NamedTuple):
    image: Tensor
    """(N, 3, H, W), normalised, like `masked`."""
    masked: Tensor


class AttentionPictures:
    """Pictures of the attention W_I of a few records, the same ones for every model.

    Args:
        records: candidates; the choice is spread over the pids and does not depend on their order.
        transform: from the image to the network's input, which is also what is drawn.
        count: images per picture.

    Raises:
        ValueError: `records` is empty or `count` below 1.
    """

    def __init__(self, records: tuple[Record, ...], transform: EvalTransform, count: int = 8) -> None:
        if count < 1 or not records:
            raise ValueError(f'{count} attention pictures of {len(records)} records: at least one of each is needed')
        self.records = pick_records(records, count)
        self._transform = transform
        self._photos: _Photos | None = None

    def __call__(self, model: nn.Module, device: torch.device) -> Image.Image | None:
        """Return a contact sheet with one column per image: image, clothing-masked image and attention.

        The colours of each attention map run from its own minimum (black) to its maximum (yellow), both printed below.
        Training is not affected: modes, BN statistics and random numbers stay as they are.

        Args:
            model: a network of the zoo on `device`, in train or eval mode.

        Returns:
            RGB image; None for a model without an attention stream.

        Raises:
            DatasetError: an image cannot be read (only in the first call, which reads them all).
        """
        photos = self._load()
        attention = _attention(model, photos, device)
        return None if attention is None else self._sheet(photos, attention)

    def _load(self) -> _Photos:
        if self._photos is None:
            dataset = RecordDataset(self.records, self._transform)
            items = [dataset[index] for index in range(len(dataset))]
            self._photos = _Photos(*(torch.stack([item[key] for item in items]) for key in _Photos._fields))
        return self._photos

    def _sheet(self, photos: _Photos, attention: Tensor) -> Image.Image:
        height, width = photos.image.shape[-2:]
        tile_height = max(TILE_HEIGHT, height)
        size = (round(width * tile_height / height), tile_height)
        maps = F.interpolate(attention, size=size[::-1], mode='bilinear').clamp(0, 1)[:, 0].numpy()
        seen, masked = self._pictures(photos.image, size), self._pictures(photos.masked, size)
        drawn = [attention_overlay(*pair, stretch=True) for pair in zip(seen, maps, strict=True)]
        columns = list(zip(seen, masked, drawn, strict=True))
        heads = [f'pid {record.pid}' for record in self.records]
        return draw_sheet(columns, heads, [f'{values.min():.2f} to {values.max():.2f}' for values in maps])

    def _pictures(self, images: Tensor, size: tuple[int, int]) -> list[Image.Image]:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self._transform.mean, self._transform.std))
        pixels = ((images * std + mean).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
        return [Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC) for picture in pixels]


def pick_records(records: Sequence[Record], count: int) -> tuple[Record, ...]:
    """Pick at most `count` records, spread evenly over the sorted pids; with too few pids, also over their images."""
    photos: dict[int, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.pid, record.path)):
        photos.setdefault(record.pid, []).append(record)
    pids = _spread(list(photos), count)
    shares = [count // len(pids) + (index < count % len(pids)) for index in range(len(pids))]
    return tuple(record for pid, share in zip(pids, shares, strict=True) for record in _spread(photos[pid], share))


def draw_sheet(columns: Sequence[Sequence[Image.Image]], heads: Sequence[str], feet: Sequence[str]) -> Image.Image:
    """Draw tiles of one size in columns, labelled by `ROWS` on the left and by a line of text above and below each."""
    names = [write(name, FONT, TEXT, align=1) for name in ROWS]
    names[-1] = sheet([[names[-1]], [_colour_bar(columns[0][0].height - 4 * names[-1].height)]], align=(1,))
    tiles = [[name, *row] for name, row in zip(names, zip(*columns, strict=True), strict=True)]
    above, below = ([None, *(write(text, FONT, TEXT) for text in texts)] for texts in (heads, feet))
    return sheet([above, *tiles, below], GAP, GAP, align=(1, 0.5))


def _colour_bar(height: int) -> Image.Image:
    """Draw a vertical colour bar, its maximum (yellow) at the top."""
    bar = colour_bar(height, FONT // 2).transpose(Image.Transpose.ROTATE_90)
    return sheet([[write('max', FONT, TEXT)], [bar], [write('min', FONT, TEXT)]], align=(1,))


def _attention(model: nn.Module, photos: _Photos, device: torch.device) -> Tensor | None:
    """Return W_I (N, 1, h, w) on the CPU; None for a model without an attention stream."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        # Test-time flipping only affects the embedding.
        attention = infer(model, photos.image.to(device), photos.masked.to(device), flip=False).attention
    finally:
        # Not model.train(): parts of the model may be frozen in eval mode.
        for module, training in modes:
            module.training = training
    return None if attention is None else attention.cpu()


def _spread(items: list, count: int) -> list:
    """Return `count` of the items (all, if there are fewer), evenly spaced from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[round(place)] for place in places]
