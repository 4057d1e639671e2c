"""Parts that all entries of the weights tables share."""

from pathlib import Path
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from ifd_zoo.common.variants import Reference

WEIGHTS_DIR = Path(__file__).resolve().parents[1] / 'weights'

PAPER = {
    'paper_name': 'Identity-aware Feature Decoupling Learning for Clothing-change Person Re-identification',
    'paper_ids': 'arXiv:2501.05851',
    'origin_url': 'https://arxiv.org/abs/2501.05851',
}

RENDERED = 'rendered people'


def paper(reference: Reference | None) -> dict[str, str]:
    """Return the fields of a timm pretrained_cfg that cite a method's paper; None stands for IFD."""
    if reference is None:
        return PAPER
    return {'paper_name': reference.title, 'paper_ids': reference.venue, 'origin_url': reference.url}


def reid_cfg(streams: tuple[str, ...], first_conv: str = 'conv1', **kwargs: Any) -> dict[str, Any]:
    """Return a timm pretrained_cfg for a re-ID network.

    Args:
        streams: attribute names of the network's streams.
        first_conv: name of the first convolution inside the backbone.
        kwargs: further fields, such as `input_size=(3, 384, 192)` and those of `paper`.
    """
    return {
        'num_classes': 0,
        'input_size': (3, 256, 128),
        'crop_pct': 1.0,
        'crop_mode': 'squash',
        'interpolation': 'bilinear',
        'mean': IMAGENET_DEFAULT_MEAN,
        'std': IMAGENET_DEFAULT_STD,
        'first_conv': tuple(f'{stream}.backbone.net.{first_conv}' for stream in streams),
        'classifier': tuple(f'{stream}.head.classifier' for stream in streams),
        **kwargs,
    }


def bundled(name: str) -> dict[str, str]:
    """Return weights-table fields for weights that come with this package, in the folder `weights/<name>`."""
    return {'file': str(WEIGHTS_DIR / name / 'model.safetensors'), 'license': 'apache-2.0'}


def trained(flags: str, data: str) -> dict[str, Any]:
    """Return weights-table fields for a training run: how its weights are made.

    Args:
        flags: of `train/run.py`, without folders; they must give the architecture and the tag of the entry.
        data: description of the training data.
    """
    return {'notes': (f'python train/run.py {flags}',), 'description': data}
