"""What a finished run leaves for others: the weights without classifiers, and how they were made."""

from pathlib import Path

import torch
from torch import nn

from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.hub import save_release
from ifd_zoo.hub.release import code_revision
from train.config import Config, to_flags


def write_release(
    model: nn.Module, config: Config, dataset: ReIDDataset, size: tuple[int, int], figures: list[dict], seconds: float
) -> Path:
    """Save the folder `release` in the run's output; returns its path.

    Args:
        size: (H, W) of the input in pixels.
        figures: of `eval.report.evaluate_protocols`.
        seconds: that training took.
    """
    info = {
        'command': 'python train/run.py ' + ' '.join(to_flags(config)),
        'code_revision': code_revision(),
        'input_size': [3, *size],
        'data': {
            'name': config.data,
            'folder': config.root.resolve().name,
            'train_images': len(dataset.train),
            'train_pids': dataset.num_pids,
            'split': f'validation: {config.val_pids} training people' if config.val_pids else 'test',
        },
        'figures': figures,
        'training': {'seconds': round(seconds), 'torch': torch.__version__, **config.to_record()},
    }
    return save_release(model, config.output / 'release', config.tag or config.data, info)
