"""The learning rate over a stage, and seeds for every point of a run: functions of the position, with no state."""

import math

import numpy as np
import torch

from train.config import Config


def learning_rate_factor(epoch: float, epochs: int, config: Config, drops: tuple[float, ...]) -> float:
    """What the base learning rate is multiplied with at a point of a stage.

    Args:
        epoch: from 0, fractions allowed.
        epochs: length of the stage.
        drops: shares of the stage after which the step schedule multiplies by 0.1.
    """
    if epoch < config.warmup_epochs:
        return 0.1 + 0.9 * epoch / config.warmup_epochs
    if config.schedule == 'step':
        # To whole epochs, upwards: a stage of one epoch must not begin after its first drop.
        return 0.1 ** sum(epoch >= math.ceil(share * epochs - 1e-9) for share in drops)
    progress = (epoch - config.warmup_epochs) / max(1, epochs - config.warmup_epochs)
    return max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def seed_everything(*parts: int) -> None:
    """Seed torch, the only global generator in use, from several numbers, such as (seed, stage, epoch, step)."""
    torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1)[0]))
