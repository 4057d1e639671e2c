"""What a model of a comparison costs: parameters, operations, and photos a second."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from eval.benchmarks.rows import best_seconds
from ifd_zoo.images import load_image
from ifd_zoo.listing import measure_size
from ifd_zoo.predictor import Predictor

PHOTOS = 64
ROUNDS = 3


def measure_cost(model: nn.Module, photos: Sequence[Path], device: str | None) -> dict[str, Any]:
    """Cost of one model.

    Args:
        photos: of one person each; the speed is that of the best of three passes over them.

    Returns:
        `parameters`; `gflops` of one image, without its mirror image; `images_per_second` through `Predictor.embed`
        as a user calls it, with the mirror image, and with the label maps of the bundled parser where the model needs
        them; `precision`, `device` and, for a CPU, `threads`.
    """
    size = measure_size(model.pretrained_cfg['architecture'], model.pretrained_cfg['input_size'])
    predictor = Predictor(model, device=device)
    images = [load_image(path) for path in photos]

    def embed_anew() -> None:
        predictor.parser.forget()
        predictor.embed(images)

    seconds = best_seconds({'embed': embed_anew}, ROUNDS)['embed']
    return {
        'parameters': size.parameters,
        'gflops': size.gflops,
        'images_per_second': len(images) / seconds,
        'precision': predictor.precision,
        'device': predictor.device.type,
        'threads': torch.get_num_threads() if predictor.device.type == 'cpu' else None,
    }
