"""Training loop on accelerate, the same for one process, several GPUs and several machines."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import timm
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ifd_zoo.common.errors import DivergedError
from ifd_zoo.models.inference import warn_of_emulation
from train.config import Config, ConfigError
from train.recipes import VARIANTS
from train.sampler import IdentitySampler
from train.schedule import learning_rate_factor, seed_everything
from train.tracker import EpochReport

# Offset of the epoch numbers: stages must not repeat each other's batches.
EPOCHS_BETWEEN_STAGES = 10_000


def make_accelerator(config: Config) -> Accelerator:
    """Set up device, precision and processes of a run, from the config and from `accelerate launch`.

    Raises:
        ConfigError: this machine does not support what a field asks for.
    """
    gpu = torch.cuda.is_available()
    if config.device == 'cuda' and not gpu:
        raise ConfigError('device: cuda requested, but torch sees no GPU here')
    if config.precision == 'fp16' and (not gpu or config.device == 'cpu'):
        raise ConfigError('precision: fp16 needs a GPU; use bf16 on CPUs')
    if config.sync_bn and (not gpu or config.device == 'cpu'):
        raise ConfigError('sync_bn: torch supports it on GPUs only')
    AcceleratorState._reset_state()  # one process may make several runs, each with its own precision
    accelerator = Accelerator(
        cpu=config.device == 'cpu',
        mixed_precision='no' if config.precision == 'fp32' else config.precision,
        gradient_accumulation_steps=config.accumulate,
        dataloader_config=DataLoaderConfiguration(split_batches=True, non_blocking=True),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=VARIANTS[config.variant].starts_late)],
    )
    warn_of_emulation(accelerator.device, config.precision)
    if config.num_pids % accelerator.num_processes:
        raise ConfigError(
            f'num_pids: {config.num_pids} persons cannot be divided evenly among {accelerator.num_processes} processes'
        )
    return accelerator


def place_model(model: nn.Module, config: Config, accelerator: Accelerator) -> nn.Module:
    """Move the model to its device, and apply `sync_bn` and `compile` of the config."""
    if config.sync_bn:
        model = timm.layers.convert_sync_batchnorm(model)
    model = model.to(accelerator.device, memory_format=torch.channels_last)
    if config.compile:
        for stream in model.streams():
            stream.backbone.compile()
    return model


@dataclass
class Position:
    """Progress of a run."""

    stage: int = 1
    epoch: int = 0
    """Completed epochs of the stage."""
    step: int = 0
    """Completed batches of the next epoch."""
    sums: dict[str, float] = field(default_factory=dict)
    """Losses summed over these batches."""
    seconds: float = 0.0
    """Seconds spent on these batches, over all sessions."""
    waited: float = 0.0
    """Seconds of these spent waiting for the loader."""


class Stage:
    """Epochs of one task.

    Args:
        number: 1 or 2.
        task: maps (batch, progress) to named losses.
        epochs: length of the stage.
        drops: as for `learning_rate_factor`.
        config: for the optimiser.
    """

    def __init__(self, number: int, task: nn.Module, epochs: int, drops: tuple[float, ...], config: Config) -> None:
        self.number, self.task, self.epochs, self.drops = number, task, epochs, drops
        self.after_step: Callable[[int], None] = lambda step: None
        """Called after each step of the optimiser with the number of the batch in the stage."""
        groups = _rate_groups(task, config)
        self.optimizer = _OPTIMIZERS[config.optimizer](groups, config.lr, weight_decay=config.weight_decay, fused=True)


_OPTIMIZERS = {'adam': torch.optim.Adam, 'sgd': partial(torch.optim.SGD, momentum=0.9)}


def _rate_groups(task: nn.Module, config: Config) -> list[dict]:
    """Group the task's parameters by their multiple of the learning rate."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in task.named_parameters():
        share = config.backbone_rate if '.backbone.' in name else 1.0
        share *= config.attention_rate if '.attention_stream.' in name else 1.0
        groups.setdefault(share, []).append(parameter)
    return [{'params': parameters, 'share': share} for share, parameters in groups.items()]


class Engine:
    """Trainer of one stage after the other, from any position.

    No random state is carried from step to step: batches and augmentation follow from (seed, stage, epoch), and torch
    is seeded before each step. A resumed run is therefore the same as one that was never stopped.

    Args:
        config: of the run.
        accelerator: from `make_accelerator`.
        loader: of batches by an `IdentitySampler`, not yet prepared.
        save: called with stage and position when a checkpoint is due.
        report: called with the report of each epoch.
    """

    def __init__(
        self,
        config: Config,
        accelerator: Accelerator,
        loader: DataLoader,
        save: Callable[[Stage, Position], None],
        report: Callable[[EpochReport], None],
    ) -> None:
        self.config, self.accelerator = config, accelerator
        self.sampler: IdentitySampler = loader.batch_sampler
        self.loader = accelerator.prepare_data_loader(loader)
        self.save, self.report = save, report

    def run(self, stage: Stage, position: Position) -> None:
        """Train a stage from a position to its end."""
        task, optimizer = self.accelerator.prepare(stage.task, stage.optimizer)
        while position.epoch < stage.epochs:
            task.train()
            self._epoch(stage, task, optimizer, position)
            position = Position(stage.number, position.epoch + 1)
            self._save(stage, position)
        self.accelerator.free_memory()

    def _epoch(self, stage: Stage, task: nn.Module, optimizer: torch.optim.Optimizer, position: Position) -> None:
        epoch, first, batches, sums = position.epoch, position.step, len(self.sampler), dict(position.sums)
        self.sampler.start_at(epoch + EPOCHS_BETWEEN_STAGES * stage.number, first)
        bar = self._bar(f'stage {stage.number} epoch {epoch + 1}/{stage.epochs}', first, batches)
        asked = time.perf_counter()
        begin, waited = asked - position.seconds, position.waited
        for step, batch in enumerate(self.loader, start=first):
            waited += time.perf_counter() - asked
            losses = self._step(stage, task, optimizer, batch, (epoch, step))
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            bar.set_postfix({name: f'{value:.3f}' for name, value in losses.items()}, refresh=False)
            bar.update()
            if self._checkpoint_due(step + 1, batches):
                self._save(stage, Position(stage.number, epoch, step + 1, sums, time.perf_counter() - begin, waited))
            asked = time.perf_counter()
        bar.close()
        means = torch.tensor([*sums.values()], device=self.accelerator.device) / batches
        means = self.accelerator.reduce(means, 'mean')
        self.report(EpochReport(
            stage=stage.number,
            epoch=epoch + 1,
            epochs=stage.epochs,
            losses=dict(zip(sums, means.tolist(), strict=True)),
            learning_rate=max(group['lr'] for group in optimizer.param_groups),
            images=batches * self.sampler.batch_size,
            seconds=time.perf_counter() - begin,
            waited=waited,
        ))

    def _save(self, stage: Stage, position: Position) -> None:
        # A finite loss can have infinite gradients, and such weights must not replace the last good checkpoint.
        if not all(parameter.isfinite().all() for parameter in stage.task.parameters()):
            raise DivergedError(f'stage {stage.number}: the weights are no longer finite; lower --lr')
        self.save(stage, position)

    def _step(
        self, stage: Stage, task: nn.Module, optimizer: torch.optim.Optimizer, batch: dict, at: tuple[int, int]
    ) -> dict[str, float]:
        epoch, step = at
        seed_everything(self.config.seed, stage.number, epoch, step, self.accelerator.process_index)
        time_in_epochs = epoch + step / len(self.sampler)
        factor = learning_rate_factor(time_in_epochs, stage.epochs, self.config, stage.drops)
        for group in optimizer.param_groups:
            group['lr'] = self.config.lr * factor * group['share']
        with self.accelerator.accumulate(task):
            losses = task(self._in_layout(batch), time_in_epochs / stage.epochs)
            self.accelerator.backward(sum(losses.values()))
            values = torch.stack([*losses.values()]).detach().float().tolist()
            if not all(map(math.isfinite, values)):
                raise DivergedError(f'stage {stage.number}: a loss is {values} ({", ".join(losses)}); lower --lr')
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if self.accelerator.sync_gradients:
                stage.after_step(epoch * len(self.sampler) + step)
        return dict(zip(losses, values, strict=True))

    def _in_layout(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
            for name, value in batch.items()
        }

    def _checkpoint_due(self, done: int, batches: int) -> bool:
        every = self.config.checkpoint_steps
        # Between optimiser steps there are accumulated gradients, which a checkpoint does not hold.
        return bool(every) and done % every == 0 and done < batches and self.accelerator.sync_gradients

    def _bar(self, text: str, first: int, batches: int) -> tqdm:
        hidden = not self.accelerator.is_main_process
        return tqdm(desc=text, initial=first, total=batches, unit='batch', leave=False, disable=hidden)
