"""What a training run leaves in its folder while it runs: log, figures of every epoch, TensorBoard, pictures."""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm


class EpochReport(NamedTuple):
    """What one epoch gave."""

    stage: int
    """1 or 2."""
    epoch: int
    """From 1."""
    epochs: int
    """Length of the stage."""
    losses: dict[str, float]
    """Means over the epoch."""
    learning_rate: float
    images: int
    """Images that the epoch has seen, those of all processes together."""
    seconds: float
    waited: float = 0.0
    """Seconds of these that the loop waited for the loader."""


class Tracker:
    """Writes into the folder of a run; for one process only, the main one.

    `log.txt` has every line that was printed, `metrics.jsonl` one JSON object per epoch, `tensorboard` one run per
    stage (steps are epochs of the stage) if TensorBoard is installed, `attention` the pictures of that name. What
    cannot be written (a full disk) raises OSError.

    Args:
        folder: of the run, made when missing. What is there already is continued: `rewind` says from where.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._metrics = folder / 'metrics.jsonl'
        self._done = (0, 0)  # stage, epochs
        self._writers: dict[int, Any] = {}
        self._open_writer = self._find_tensorboard()

    def log(self, line: str) -> None:
        """Print a line, above the progress bar if there is one, and append it to `log.txt`."""
        tqdm.write(line)
        sys.stdout.flush()
        with open(self.folder / 'log.txt', 'a', encoding='utf-8') as file:
            file.write(line + '\n')

    def epoch(self, report: EpochReport) -> None:
        """Log an epoch in one line, append it to `metrics.jsonl` and send it to TensorBoard."""
        figures = _figures(report)
        self.log(_epoch_line(report, figures))
        with open(self._metrics, 'a', encoding='utf-8') as file:
            file.write(json.dumps(figures) + '\n')
        if writer := self._writer(report.stage):
            scalars = {f'loss/{name}': value for name, value in report.losses.items()}
            scalars |= {key: value for key, value in figures.items() if key not in ('stage', 'epoch', 'losses')}
            for tag, value in scalars.items():
                writer.add_scalar(tag, value, report.epoch)
            writer.flush()

    def picture(self, name: str, stage: int, epoch: int, image: Image.Image) -> None:
        """Save a picture as `NAME/stage2-epoch012.png` in the folder and send it to TensorBoard under its name."""
        (self.folder / name).mkdir(exist_ok=True)
        image.save(self.folder / name / f'stage{stage}-epoch{epoch:03d}.png')
        if writer := self._writer(stage):
            writer.add_image(name, np.asarray(image.convert('RGB')), epoch, dataformats='HWC')
            writer.flush()

    def rewind(self, stage: int, epoch: int) -> None:
        """Forget the figures that this run will write again; `log.txt` keeps everything.

        Removes the lines after that point from `metrics.jsonl`, also one that a kill has torn, and hides the same
        epochs in TensorBoard.

        Args:
            stage, epoch: where the run goes on, as stage and its epochs done; (0, 0) for a run that starts anew.
        """
        self.close()
        self._done = (stage, epoch)
        if not self._metrics.exists():
            return
        lines = self._metrics.read_text(encoding='utf-8', errors='replace').splitlines()
        kept = [line for line in lines if _position(line) <= self._done]
        temporary = self._metrics.with_suffix('.tmp')
        temporary.write_text(''.join(line + '\n' for line in kept), encoding='utf-8')
        os.replace(temporary, self._metrics)
        if len(kept) < len(lines):
            self.log(f'{self._metrics.name}: removed {len(lines) - len(kept)} line(s) that this run writes again')

    def seconds(self) -> float:
        """Seconds that the epochs so far have taken, in all sittings of the run."""
        if not self._metrics.exists():
            return 0.0
        return sum(json.loads(line)['seconds'] for line in self._metrics.read_text(encoding='utf-8').splitlines())

    def close(self) -> None:
        """Close the files of TensorBoard; whatever is written afterwards opens new ones."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _find_tensorboard(self) -> Callable[..., Any] | None:
        # Late: the import takes a second, and training does without the package.
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            self.log(f'TensorBoard is not written ({error}); to have it: pip install tensorboard')
            return None
        self.log(f'TensorBoard is written; to see it: tensorboard --logdir {self.folder / "tensorboard"}')
        return SummaryWriter

    def _writer(self, stage: int) -> Any | None:
        if self._open_writer and stage not in self._writers:
            # TensorBoard appends only: what an interrupted run has left from this step on is marked as void.
            first = self._done[1] + 1 if stage == self._done[0] else 1
            self._writers[stage] = self._open_writer(self.folder / 'tensorboard' / f'stage{stage}', purge_step=first)
        return self._writers.get(stage)


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MB (10^6 bytes) of resident set size.

    Worker processes are left out: the system keeps only the largest of those that have ended, and forked ones share
    most of their pages with this process.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == 'darwin' else 1024 * peak) / 1e6  # macOS counts bytes, Linux KiB


def peak_gpu_memory_mb() -> float | None:
    """The most memory that tensors have held so far on any one GPU, in MB; None when no CUDA device is in use."""
    if not torch.cuda.is_initialized():
        return None
    return max(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count())) / 1e6


def _figures(report: EpochReport) -> dict[str, Any]:
    figures = {
        'stage': report.stage,
        'epoch': report.epoch,
        'losses': dict(report.losses),
        'learning_rate': report.learning_rate,
        'images_per_second': round(report.images / report.seconds, 2),
        'seconds': round(report.seconds, 3),
        'waited_seconds': round(report.waited, 3),
        'peak_memory_mb': round(peak_memory_mb(), 1),
    }
    gpu = peak_gpu_memory_mb()
    return figures if gpu is None else {**figures, 'peak_gpu_memory_mb': round(gpu, 1)}


def _epoch_line(report: EpochReport, figures: dict[str, Any]) -> str:
    parts = [f'stage {report.stage} epoch {report.epoch}/{report.epochs}']
    parts += [f'{name} {value:.4f}' for name, value in report.losses.items()]
    parts += [f'lr {report.learning_rate:.2e}', f'{figures["images_per_second"]:.0f} images/s']
    parts.append(f'peak {figures["peak_memory_mb"] / 1000:.1f} GB')
    if 'peak_gpu_memory_mb' in figures:
        parts.append(f'GPU peak {figures["peak_gpu_memory_mb"] / 1000:.1f} GB')
    return '  '.join(parts)


def _position(line: str) -> tuple[float, float]:
    """Stage and epoch of a line of `metrics.jsonl`; a line that was torn lies after everything."""
    try:
        figures = json.loads(line)
        return figures['stage'], figures['epoch']
    except (ValueError, TypeError, KeyError):
        return float('inf'), float('inf')
