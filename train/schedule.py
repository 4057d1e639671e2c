"""Learning rate and seeds as stateless functions of the position in a run."""

import math

import numpy as np
import torch

from train.config import Config


def learning_rate_factor(epoch: float, epochs: int, config: Config, drops: tuple[float, ...]) -> float:
    """Return the multiple of the base learning rate at a point of a stage.

    Args:
        epoch: from 0, may be fractional.
        epochs: length of the stage.
        drops: shares of the stage after which the step schedule multiplies by 0.1.
    """
    if epoch < config.warmup_epochs:
        return 0.1 + 0.9 * epoch / config.warmup_epochs
    if config.schedule == 'step':
        # Rounded up to whole epochs: a stage of one epoch must not start after its first drop.
        return 0.1 ** sum(epoch >= math.ceil(share * epochs - 1e-9) for share in drops)
    progress = (epoch - config.warmup_epochs) / max(1, epochs - config.warmup_epochs)
    return max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def seed_everything(*parts: int) -> None:
    """Seed torch, the only global generator in use, with several numbers, such as (seed, stage, epoch, step)."""
    torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1)[0]))
