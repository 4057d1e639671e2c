"""Release of a finished run: the weights without classifiers, and how they were made."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from ifd_zoo.common.choices import FEATURES
from ifd_zoo.datasets import ReIDDataset
from ifd_zoo.hub import save_release
from ifd_zoo.hub.release import code_revision
from train.config import Config
from train.flags import to_flags


class Outcome(NamedTuple):
    """Results of a run."""

    figures: list[dict]
    """Rows of `eval.reports.metric_tables.evaluate_protocols`."""
    coverage: dict[str, int] | None
    """Training images without person or clothing, see `count_coverage`; None if no masks were used."""
    seconds: float
    """Training time in seconds."""
    history: dict[str, Any]
    """`init`, see `train.start.load_trained`; `teacher`, see `train.teachers.Teacher`; `extended_from`, numbers of
    epochs. Empty for most runs."""


def write_release(
    model: nn.Module, config: Config, dataset: ReIDDataset, size: tuple[int, int], outcome: Outcome
) -> Path:
    """Save `release` in the run's output, for inputs of `size` (H, W) in pixels; return the path of the folder."""
    info = {
        'command': 'python train/run.py ' + ' '.join(to_flags(config)),
        'code_revision': code_revision(),
        'input_size': [3, *size],
        'data': {
            'name': config.data,
            'folder': config.root.resolve().name,
            'train_images': len(dataset.train),
            'train_pids': dataset.num_pids,
            'masks': outcome.coverage,
            'split': f'validation: {config.val_pids} training people' if config.val_pids else 'test',
        },
        'feature': FEATURES[config.feature],
        'figures': outcome.figures,
        'training': {'seconds': round(outcome.seconds), 'torch': torch.__version__, **config.to_record()},
    }
    if outcome.history:
        info['training']['history'] = outcome.history
    tag = config.tag or config.data
    if model.pretrained_cfg['architecture'] != config.model:  # its name does not tell the backbone
        tag = f'{config.backbone.replace(".", "_")}_{tag}'
    return save_release(model, config.output / 'release', tag, info)
