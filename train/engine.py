"""One stage of training: epochs of a task over batches, with a log line and a checkpoint after each epoch."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from train.config import Config


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file."""


def learning_rate_factor(epoch: float, epochs: int, config: Config, drops: tuple[float, ...]) -> float:
    """What the base learning rate is multiplied with at a point of a stage.

    Args:
        epoch: from 0, fractions allowed.
        epochs: length of the stage.
        drops: shares of the stage behind which the step schedule multiplies by 0.1.
    """
    if epoch < config.warmup_epochs:
        return 0.1 + 0.9 * epoch / config.warmup_epochs
    if config.schedule == 'step':
        # To whole epochs, upwards: a stage of one epoch must not begin behind its first drop.
        return 0.1 ** sum(epoch >= math.ceil(share * epochs - 1e-9) for share in drops)
    progress = (epoch - config.warmup_epochs) / max(1, epochs - config.warmup_epochs)
    return max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def seed_everything(*parts: int) -> None:
    """Seed torch, the only global generator in use, from several numbers, such as (seed, stage, epoch)."""
    torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1)[0]))


class Stage:
    """Trains the parameters of a task.

    Every epoch starts from its own seed, so that a run that is resumed at an epoch goes on as if it had never stopped.

    Args:
        number: 1 or 2.
        task: batch to named losses.
        epochs: length of the stage.
        drops: see `learning_rate_factor`.
        config: for learning rate, precision and seed.
        log: called with each line.
    """

    def __init__(
        self,
        number: int,
        task: nn.Module,
        epochs: int,
        drops: tuple[float, ...],
        config: Config,
        log: Callable[[str], None],
    ) -> None:
        self.number, self.task, self.epochs, self.drops = number, task, epochs, drops
        self.config, self.log = config, log
        self.device = next(task.parameters()).device
        self.optimizer = torch.optim.Adam(task.parameters(), lr=config.lr, weight_decay=config.weight_decay)

    def run(self, loader: DataLoader, first_epoch: int, after_epoch: Callable[[int], None]) -> None:
        """Train from `first_epoch` (from 0) to the end; `after_epoch` gets the number of epochs done."""
        self.task.train()
        for epoch in range(first_epoch, self.epochs):
            seed_everything(self.config.seed, self.number, epoch)
            # The stages must not repeat each other's batches.
            loader.batch_sampler.set_epoch(epoch + 10_000 * self.number)
            means = self._epoch(loader, epoch)
            losses = '  '.join(f'{name} {value:.4f}' for name, value in means.items())
            rate = self.optimizer.param_groups[0]['lr']
            self.log(f'stage {self.number} epoch {epoch + 1}/{self.epochs}  {losses}  lr {rate:.2e}')
            after_epoch(epoch + 1)

    def _epoch(self, loader: DataLoader, epoch: int) -> dict[str, float]:
        sums: dict[str, float] = {}
        bar = tqdm(loader, desc=f'stage {self.number} epoch {epoch + 1}/{self.epochs}', unit='batch', leave=False)
        for step, batch in enumerate(bar):
            self._set_learning_rate(epoch + step / len(loader))
            losses = self._step(batch)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            bar.set_postfix({name: f'{value:.3f}' for name, value in losses.items()})
        return {name: value / len(loader) for name, value in sums.items()}

    def _step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        batch = {key: _to_device(value, self.device) for key, value in batch.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == 'bf16'):
            losses = self.task(batch)
        total = sum(losses.values())
        if not torch.isfinite(total):
            raise FloatingPointError(f'stage {self.number}: the loss is {total.item()}; lower --lr')
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _set_learning_rate(self, epoch: float) -> None:
        factor = learning_rate_factor(epoch, self.epochs, self.config, self.drops)
        for group in self.optimizer.param_groups:
            group['lr'] = self.config.lr * factor


def _to_device(value: Tensor, device: torch.device) -> Tensor:
    if value.ndim == 4:
        return value.to(device, memory_format=torch.channels_last, non_blocking=True)
    return value.to(device, non_blocking=True)


def save_checkpoint(path: Path, state: dict) -> None:
    """Write under a temporary name and rename: a run that is killed never leaves half a checkpoint."""
    temporary = path.with_suffix('.tmp')
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> dict:
    """Read what `save_checkpoint` wrote. Raises CheckpointError when the file is missing or damaged."""
    if not path.is_file():
        raise CheckpointError(f'{path}: no checkpoint to resume from')
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a torn file raises whatever zipfile or the unpickler come upon
        raise CheckpointError(f'{path}: damaged checkpoint ({error})') from error
