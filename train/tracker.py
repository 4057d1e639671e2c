"""Output of a training run in its folder: log, metrics of every epoch, TensorBoard and pictures."""

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
    """Results of one epoch."""

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
    """Images seen in the epoch, over all processes."""
    seconds: float
    waited: float = 0.0
    """Seconds of these spent waiting for the loader."""


class Tracker:
    """Writer of the files in the folder of a run; for the main process only.

    `log.txt` has every line that was printed, `metrics.jsonl` one JSON object per epoch, `tensorboard` one run per
    stage (steps are epochs of the stage) if TensorBoard is installed, `attention` pictures of the attention maps.
    Failing writes, as on a full disk, raise OSError.

    Args:
        folder: of the run, created if missing. Existing files are continued; `rewind` says from where.
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
        """Save an image as `NAME/stage2-epoch012.png` in the folder and send it to TensorBoard under this name."""
        (self.folder / name).mkdir(exist_ok=True)
        image.save(self.folder / name / f'stage{stage}-epoch{epoch:03d}.png')
        if writer := self._writer(stage):
            writer.add_image(name, np.asarray(image.convert('RGB')), epoch, dataformats='HWC')
            writer.flush()

    def rewind(self, stage: int, epoch: int) -> None:
        """Remove the metrics that this run will write again; `log.txt` keeps everything.

        Removes the lines after that point, and a line truncated by a kill, from `metrics.jsonl`, and hides the same
        epochs in TensorBoard.

        Args:
            stage, epoch: where the run continues, as stage and its completed epochs; (0, 0) for a new run.
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
        """Return the seconds spent on all epochs so far, over all sessions of the run."""
        if not self._metrics.exists():
            return 0.0
        return sum(json.loads(line)['seconds'] for line in self._metrics.read_text(encoding='utf-8').splitlines())

    def close(self) -> None:
        """Close the TensorBoard files; later writes open new ones."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _find_tensorboard(self) -> Callable[..., Any] | None:
        # Imported late: it is slow, and training works without the package.
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            self.log(f'no TensorBoard output ({error}); to get it: pip install tensorboard')
            return None
        self.log(f'TensorBoard output: tensorboard --logdir {self.folder / "tensorboard"}')
        return SummaryWriter

    def _writer(self, stage: int) -> Any | None:
        if self._open_writer and stage not in self._writers:
            # TensorBoard only appends: steps that an interrupted run wrote from this one on are marked as purged.
            first = self._done[1] + 1 if stage == self._done[0] else 1
            self._writers[stage] = self._open_writer(self.folder / 'tensorboard' / f'stage{stage}', purge_step=first)
        return self._writers.get(stage)


def peak_memory_mb() -> float:
    """Return the peak resident set size of this process so far, in MB (10^6 bytes).

    Worker processes are left out: the system reports only the largest of those that have ended, and forked ones share
    most of their pages with this process.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == 'darwin' else 1024 * peak) / 1e6  # macOS counts bytes, Linux KiB


def peak_gpu_memory_mb() -> float | None:
    """Return the peak memory of tensors on any one GPU so far, in MB; None when no CUDA device is in use."""
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
    """Return stage and epoch of a line of `metrics.jsonl`; a truncated line sorts after all others."""
    try:
        figures = json.loads(line)
        return figures['stage'], figures['epoch']
    except (ValueError, TypeError, KeyError):
        return float('inf'), float('inf')
