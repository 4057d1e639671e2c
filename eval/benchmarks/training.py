"""Training speed of the baseline recipe, relative to plain loops over the same network and images."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

import ifd_zoo  # noqa: F401  (registers the models with timm)
from eval.benchmarks.rows import Row
from ifd_zoo.datasets import Record, load_dataset

TRAINER = Path(__file__).resolve().parents[2] / 'train' / 'run.py'
BATCH, EPOCHS = 64, 2


def baseline_recipe(root: Path, size: tuple[int, int], workers: int) -> tuple[float, float]:
    """Run `train/run.py` on the baseline; return images/s of the last epoch, and its share of time spent on loading."""
    with tempfile.TemporaryDirectory() as output:
        flags = f'--recipe synthetic --variant baseline --size {size[0]}x{size[1]} --epochs {EPOCHS} --warmup-epochs 0'
        flags += ' --num-pids 8 --num-images 8'  # so that few pids are enough
        command = [sys.executable, TRAINER, *flags.split(), '--workers', workers, '--root', root, '--output', output]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'train/run.py failed:\n{done.stderr[-2000:]}')
        last = json.loads((Path(output) / 'metrics.jsonl').read_text().splitlines()[-1])
    return last['images_per_second'], last['waited_seconds'] / last['seconds']


class Pictures(Dataset):
    """Data set of image and pid with the recipe's augmentation, as a plain loop would load it."""

    def __init__(self, records: tuple[Record, ...], size: tuple[int, int]) -> None:
        self.records = records
        self.transform = v2.Compose([
            v2.PILToTensor(),
            v2.Resize([round(1.125 * side) for side in size], antialias=True),
            v2.RandomCrop(list(size)),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
            v2.RandomErasing(0.5, scale=(0.02, 0.4), ratio=(0.3, 3.3)),
        ])

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.records[index].path) as picture:
            return self.transform(picture.convert('RGB')), self.records[index].pid


def plain_loop(root: Path, size: tuple[int, int], workers: int, fast: bool = True) -> float:
    """Return images/s of a tutorial-style loop over the same network, in the last of two epochs.

    Args:
        fast: bf16 autocast and channels_last, as in the recipe; otherwise torch's default float32.
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
    """Time the baseline recipe and the bf16 loop in turns, best of some rounds, and the float32 loop once."""
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
