"""A small parser that learns from renders alone and is tested on photos."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as PILImage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from tqdm import tqdm

from eval.choices import RealismSettings
from eval.realism_data import Pair, Photos, Renders, Roughened, list_renders
from ifd_zoo.parsing.labels import CLOTHING, LABELS
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import normalise
from ifd_zoo.parsing.sources import BODY, TARGETS

GROUPS = {'background': ('background',), 'hair': ('hair',), 'skin': BODY, 'clothing': CLOTHING, 'hat': ('hat',)}
"""What is told apart; every label is in one of them."""
NAMES = tuple(GROUPS)
GROUP_OF = np.array([next(i for i, names in enumerate(GROUPS.values()) if label in names) for label in LABELS])
"""(labels,) position in `GROUPS`"""
OPEN = 255
"""In place of a position: the pixel may belong to several groups."""


def group_weights(pairs: Sequence[Pair], power: float) -> Tensor:
    """(groups,) float32: what a pixel of each weighs, 1 on average over the pixels of all label maps, 0 where none is.

    Args:
        power: 0 for equal weights, 1 for groups of equal weight.
    """
    pixels = np.zeros(len(GROUPS))
    for _, label_map in pairs:
        labels = np.array(PILImage.open(label_map))
        pixels += np.bincount(GROUP_OF[labels[labels < len(LABELS)]], minlength=len(GROUPS))
    return weights_of(pixels, power)


def weights_of(pixels: np.ndarray, power: float) -> Tensor:
    """(groups,) float32 of numbers of pixels, as `group_weights` says."""
    shares = pixels / pixels.sum()
    weights = np.where(shares > 0, np.maximum(shares, 1e-9) ** -power, 0)
    return torch.from_numpy(weights / (weights * shares).sum()).float()


def train_parser(pictures: Dataset, group_of: np.ndarray, weights: Tensor, settings: RealismSettings) -> ParsingNet:
    """A parser of `GROUPS` from random weights: AdamW, one cycle of the learning rate, weighted cross-entropy.

    Args:
        pictures: images and targets; they are augmented here.
        group_of: (targets,) position in `GROUPS`, or `OPEN` where a pixel teaches nothing.
        weights: (groups,) what a pixel of each weighs.
    """
    rough, groups, weights = Roughened(pictures, settings.size), torch.from_numpy(group_of), weights.to(_device())
    torch.manual_seed(settings.seed)
    net = ParsingNet(settings.backbone, len(GROUPS), settings.width)
    net.to(_device(), memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, settings.steps)
    sampler = RandomSampler(rough, num_samples=settings.steps * settings.batch_size)
    with tqdm(DataLoader(rough, settings.batch_size, sampler=sampler), desc='training', leave=False) as bar:
        for images, targets in bar:
            loss = F.cross_entropy(net(_inputs(images)), groups[targets].to(_device()), weights, ignore_index=OPEN)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f'{loss.item():.3f}')
    return net.eval()


@torch.inference_mode()
def parsed_batches(net: ParsingNet, pictures: Dataset, batch_size: int = 16) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images, targets and parsed groups, (B, H, W) int64 on the CPU, of all pictures in order."""
    for images, targets in DataLoader(pictures, batch_size):
        yield images, targets, net(_inputs(images)).argmax(1).cpu()


def count_pixels(net: ParsingNet, pictures: Dataset, targets: int) -> np.ndarray:
    """How often each of so many targets was parsed as each group, over all pictures: (targets, groups) int64."""
    total = torch.zeros(targets * len(GROUPS), dtype=torch.int64)
    for _, target, groups in parsed_batches(net, pictures):
        total += torch.bincount((target.long() * len(GROUPS) + groups).flatten(), minlength=len(total))
    return total.reshape(targets, len(GROUPS)).numpy()


def inside_and_outside(group: str) -> tuple[np.ndarray, np.ndarray]:
    """Which targets lie in a group and which do not touch it, both (targets,) bool; some are neither."""
    share = np.array([np.mean([name in GROUPS[group] for name in target]) for target in TARGETS])
    return share == 1, share == 0


def group_iou(counts: np.ndarray, group: str) -> float:
    """Intersection over union of a group, in [0, 1], without the targets that leave it open."""
    inside, outside = inside_and_outside(group)
    parsed = counts[:, NAMES.index(group)]
    return round(float(parsed[inside].sum() / max(counts[inside].sum() + parsed[outside].sum(), 1)), 4)


def parsed_shares(counts: np.ndarray, group: str) -> dict[str, float]:
    """What the pixels of a group were parsed as: group and share of the pixels."""
    row = counts[inside_and_outside(group)[0]].sum(0)
    return {name: round(float(pixels / max(row.sum(), 1)), 4) for name, pixels in zip(NAMES, row, strict=True)}


def measure(rendered: Path, photos: Path, settings: RealismSettings) -> dict:
    """Figures and all that belongs to their record.

    Returns:
        `iou`: of each group; `parsed_as`: for each group the shares of its pixels in each group; `settings`;
        `rendered`: number of renders used; `photos`: their names; `seconds`: of training and of all.

    Raises:
        SourceError: pictures or label maps are missing or not what they should be.
    """
    started = time.monotonic()
    pairs, test = list_renders(rendered, settings.images), Photos(photos, settings.size)
    net = train_parser(Renders(pairs), GROUP_OF, group_weights(pairs, settings.balance), settings)
    trained = time.monotonic()
    counts = count_pixels(net, test, len(TARGETS))
    seconds = {'training': round(trained - started, 1), 'all': round(time.monotonic() - started, 1)}
    return {
        'iou': {group: group_iou(counts, group) for group in GROUPS},
        'parsed_as': {group: parsed_shares(counts, group) for group in GROUPS},
        'settings': asdict(settings),
        'rendered': len(pairs),
        'photos': [photo.stem for photo, _ in test.pairs],
        'seconds': seconds,
    }


def table(record: dict) -> str:
    """A line for each group: IoU, then what its pixels were parsed as."""
    names = list(record['iou'])
    lines = [f'{"":10}  IoU     parsed as ' + ' '.join(f'{name:>10}' for name in names)]
    for name in names:
        shares = ' '.join(f'{record["parsed_as"][name][other]:10.3f}' for other in names)
        lines.append(f'{name:10}  {record["iou"][name]:.4f}            {shares}')
    lines.append(f'{record["rendered"]} renders, {len(record["photos"])} photos, {record["seconds"]["all"]} s')
    return '\n'.join(lines)


def give(printed: str, record: dict, output: Path | None) -> None:
    """Print a table, and write its record to a JSON file if there is to be one."""
    print(printed)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(record, indent=1) + '\n')


def _device() -> torch.device:
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def _inputs(images: Tensor) -> Tensor:
    return normalise(images.to(_device())).contiguous(memory_format=torch.channels_last)
