"""How realistic a set of renders is: a fixed small parser learns from the renders alone and is tested on real photos.

    python eval/realism.py --rendered data/synthetic --photos data/clothing-co-parsing --output realism.json

`--rendered` holds `{train,query,gallery}/<pid>/<clothes>/*.jpg` and `parsing/<same path>.png`; `--photos` holds
`photos/NNNN.jpg`, `labels/NNNN.png` and `label_names.txt` (Clothing Co-Parsing). Everything but the flags is frozen,
augmentation included (`eval/realism_data.py`): figures of two sets differ by the sets and by chance (`--seed`) alone.

The parser tells apart the groups of labels whose figures are asked for (`GROUPS`). A photo's class stands for one or
more of our labels (`CLOTHING_CO_PARSING` in `ifd_zoo/parsing/sources.py`). For the IoU of a group a class with all its
labels in the group is inside, with none it is outside, and the pixels of any other are left out. `clothing` is upper,
lower, dress, coat, shoes, bag and accessory (scarf, belt, gloves, tie; socks and tights too), not hats; left out are
the photos' accessories, bracelets, necklaces, rings and watches. `skin` is face, arms, legs and neck. `hair` leaves out
accessories, earrings, glasses and sunglasses.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as PILImage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from tqdm import tqdm

from eval.flags import positive
from eval.realism_data import Pair, Photos, Renders, Roughened, list_renders
from ifd_zoo.parsing.labels import CLOTHING, LABELS
from ifd_zoo.parsing.network import ParsingNet
from ifd_zoo.parsing.parser import normalise
from ifd_zoo.parsing.sources import BODY, TARGETS, SourceError

GROUPS = {'background': ('background',), 'hair': ('hair',), 'skin': BODY, 'clothing': CLOTHING, 'hat': ('hat',)}
"""What is told apart; every label is in one of them."""
NAMES = tuple(GROUPS)
GROUP_OF = np.array([next(i for i, names in enumerate(GROUPS.values()) if label in names) for label in LABELS])
"""(labels,) position in `GROUPS`"""
OPEN = 255
"""In place of a position: the pixel may belong to several groups."""


@dataclass(frozen=True)
class Settings:
    """What makes figures comparable; the first five are flags, the rest is frozen."""

    images: int = 1760
    steps: int = 1000
    batch_size: int = 16
    seed: int = 0
    size: tuple[int, int] = (256, 128)
    backbone: str = 'mobilenetv4_conv_small'
    width: int = 96
    lr: float = 8e-3
    weight_decay: float = 0.02
    clip: float = 5.0
    balance: float = 0.5
    """A group weighs as much in the loss as its share of the pixels to the power of minus this."""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rendered', type=Path, required=True, help='folder of rendered people with label maps')
    parser.add_argument('--photos', type=Path, required=True, help='folder in the layout of Clothing Co-Parsing')
    parser.add_argument('--images', type=positive, default=Settings.images, help='renders to use, evenly spread')
    parser.add_argument('--steps', type=positive, default=Settings.steps)
    parser.add_argument('--batch-size', type=positive, default=Settings.batch_size)
    parser.add_argument('--seed', type=int, default=Settings.seed)
    parser.add_argument('--size', type=_size, default=Settings.size, help="HEIGHTxWIDTH of the parser's input")
    parser.add_argument('--output', type=Path, help='JSON file for figures and settings')
    return parser.parse_args(argv)


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


def train_parser(pictures: Dataset, group_of: np.ndarray, weights: Tensor, settings: Settings) -> ParsingNet:
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


def measure(rendered: Path, photos: Path, settings: Settings) -> dict:
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


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    flags = {name: getattr(args, name) for name in ('images', 'steps', 'batch_size', 'seed', 'size')}
    try:
        record = measure(args.rendered, args.photos, Settings(**flags))
    except SourceError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    give(table(record), record, args.output)
    return 0


def _device() -> torch.device:
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def _inputs(images: Tensor) -> Tensor:
    return normalise(images.to(_device())).contiguous(memory_format=torch.channels_last)


def _size(text: str) -> tuple[int, int]:
    if not re.fullmatch(r'[1-9]\d*x[1-9]\d*', text):
        raise argparse.ArgumentTypeError(f'HEIGHTxWIDTH in pixels, as in 256x128, got {text!r}')
    height, width = text.split('x')
    return int(height), int(width)


if __name__ == '__main__':
    sys.exit(main())
