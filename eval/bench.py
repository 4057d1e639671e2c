"""How fast this is, as ratios to a floor that is measured in the same run.

    python eval/bench.py [--only training|parsing] [--root DIR] [--json FILE]

Machines differ and are never idle; the ratio of two figures from the same minutes says more than either. `--root` is a
data set in the `folder` layout; without one, pictures are made up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

import ifd_zoo  # noqa: F401  (registers the models with timm)
from ifd_zoo.datasets import Record, load_dataset
from ifd_zoo.parsing import load_parser
from ifd_zoo.transforms import IMAGENET_MEAN, IMAGENET_STD

TRAINER = Path(__file__).resolve().parents[1] / 'train' / 'run.py'
BATCH, EPOCHS = 64, 2
CROPS, CROP = 16, (256, 128)


class Row(NamedTuple):
    name: str
    ours: float
    floor: float
    unit: str
    note: str = ''

    @property
    def ratio(self) -> float:
        return self.ours / self.floor


def make_pictures(root: Path, people: int = 16, views: int = 20) -> Path:
    """People-sized JPEGs with as much detail as a photo, 2 outfits each, in the `folder` layout; no label maps."""
    rng = np.random.default_rng(0)
    for pid in range(people):
        for view in range(2 * views):
            coarse = Image.fromarray(rng.integers(0, 256, (24, 12, 3), dtype=np.uint8)).resize((128, 256))
            noisy = np.clip(np.asarray(coarse, dtype=np.int16) + rng.integers(-12, 13, (256, 128, 3)), 0, 255)
            path = root / 'train' / f'{pid:03d}' / str(view % 2) / f'c{view}_0.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy.astype(np.uint8)).save(path)
    return root


def baseline_recipe(root: Path, size: tuple[int, int], workers: int) -> tuple[float, float]:
    """`train/run.py` on the baseline: images/s of the last epoch, and the share of it that waited for the loader."""
    with tempfile.TemporaryDirectory() as output:
        flags = f'--recipe synthetic --variant baseline --size {size[0]}x{size[1]} --epochs {EPOCHS} --warmup-epochs 0'
        command = [sys.executable, TRAINER, *flags.split(), '--workers', workers, '--root', root, '--output', output]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'train/run.py failed:\n{done.stderr[-2000:]}')
        last = json.loads((Path(output) / 'metrics.jsonl').read_text().splitlines()[-1])
    return last['images_per_second'], last['waited_seconds'] / last['seconds']


class Pictures(Dataset):
    """Image and pid, with the augmentation of the recipe: what a plain loop would load."""

    def __init__(self, records: tuple[Record, ...], size: tuple[int, int]) -> None:
        self.records = records
        self.transform = v2.Compose([
            v2.PILToTensor(),
            v2.Resize([round(1.125 * side) for side in size], antialias=True),
            v2.RandomCrop(list(size)),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            v2.RandomErasing(0.5, scale=(0.02, 0.4), ratio=(0.3, 3.3)),
        ])

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.records[index].path) as picture:
            return self.transform(picture.convert('RGB')), self.records[index].pid


def plain_loop(root: Path, size: tuple[int, int], workers: int, fast: bool = True) -> float:
    """Images/s of a loop as in any tutorial over the same network; the last of two epochs.

    Args:
        fast: bf16 autocast and channels_last, as in the recipe; otherwise float32 as torch comes.
    """
    records = load_dataset('folder', root).train
    layout = torch.channels_last if fast else torch.contiguous_format
    model = timm.create_model('ifd_baseline_resnet10t', num_classes=len({record.pid for record in records}))
    model = model.to(memory_format=layout).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
    loader = DataLoader(Pictures(records, size), BATCH, shuffle=True, drop_last=True, num_workers=workers)
    for _ in range(EPOCHS):
        begin = time.perf_counter()
        for image, pid in loader:
            with torch.autocast('cpu', torch.bfloat16, enabled=fast):
                logits = model(image.to(memory_format=layout)).main_logits
            loss = F.cross_entropy(logits.float(), pid, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
    return len(loader) * BATCH / (time.perf_counter() - begin)


def bench_training(root: Path, size: tuple[int, int], workers: int, rounds: int) -> list[Row]:
    """The baseline recipe against plain loops; the best of some rounds, taken in turns."""
    ours, fast = [], []
    for _ in range(rounds):
        ours.append(baseline_recipe(root, size, workers))
        fast.append(plain_loop(root, size, workers))
    best, waited = max(ours)
    name = f'train baseline resnet10t {size[0]}x{size[1]}'
    return [
        Row(name, best, max(fast), 'images/s', f'floor: plain loop, bf16; waited for the loader {100 * waited:.1f} %'),
        Row(name, best, plain_loop(root, size, workers, fast=False), 'images/s', 'floor: plain loop, float32'),
    ]


def bench_parsing(root: Path, rounds: int) -> list[Row]:
    """The bundled parser on a batch of crops of people; the best of some rounds, taken in turns.

    Floors: the same in float32 in one batch, and one crop after the other.
    """
    parser = load_parser('bundled')
    paths = sorted(root.rglob('*.jpg'))[:CROPS]
    crops = [Image.open(path).convert('RGB').resize(CROP[::-1]) for path in paths]
    batches = {'as it is': [crops], 'float32': [crops], 'float32, one by one': [[crop] for crop in crops]}
    best = dict.fromkeys(batches, 0.0)
    fast = parser.precision
    for number in range(3 * rounds + 1):  # the first warms up; a round takes a tenth of a second
        for name, parts in batches.items():
            parser.precision = fast if name == 'as it is' else 'fp32'
            parser.forget()
            begin = time.perf_counter()
            for part in parts:
                parser.parse(part)
            if number:
                best[name] = max(best[name], len(crops) / (time.perf_counter() - begin))
    title = f'parse {len(crops)} crops {CROP[0]}x{CROP[1]}, {torch.get_num_threads()} threads'
    ours = best.pop('as it is')
    return [Row(title, ours, floor, 'crops/s', f'ours: {fast}; floor: {name}') for name, floor in best.items()]


def table(rows: list[Row]) -> str:
    lines = ['| what | ours | floor | unit | ours / floor | |', '|---|---|---|---|---|---|']
    lines += [f'| {r.name} | {r.ours:.1f} | {r.floor:.1f} | {r.unit} | {r.ratio:.2f} | {r.note} |' for r in rows]
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser('eval/bench.py', description='Measure speed against floors.', allow_abbrev=False)
    parser.add_argument('--only', choices=('training', 'parsing'), help='default: both')
    parser.add_argument('--root', type=Path, help='data set in the folder layout; default: made-up pictures')
    parser.add_argument('--size', default='256x128', help='HEIGHTxWIDTH of the input in pixels')
    parser.add_argument('--workers', type=int, default=2, help='processes that load images')
    parser.add_argument('--rounds', type=int, default=2, help='measurements of each kind; the best counts')
    parser.add_argument('--json', type=Path, help='also write the rows to this file')
    args = parser.parse_args(argv)
    height, _, width = args.size.partition('x')
    with tempfile.TemporaryDirectory() as temporary:
        root = args.root or make_pictures(Path(temporary))
        rows = []
        if args.only != 'parsing':
            rows += bench_training(root, (int(height), int(width)), args.workers, args.rounds)
        if args.only != 'training':
            rows += bench_parsing(root, args.rounds)
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps([{**row._asdict(), 'ratio': row.ratio} for row in rows], indent=2) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
