"""What a trained network is called, and what tells its weights from all others and from fresh ones."""

import hashlib

from torch import nn


def model_name(model: nn.Module) -> str:
    """Architecture and tag, as in `ifd_resnet10t.synthetic`."""
    cfg = model.pretrained_cfg
    return '.'.join(filter(None, (cfg['architecture'], cfg.get('tag'))))


def hash_weights(model: nn.Module) -> str:
    """SHA-256 of names and values, as loaded: the same for a release folder and a copy on the Hub."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_fresh(model: nn.Module) -> bool:
    """Whether a network of the zoo was never trained: its BN neck knows no mean of any features."""
    mean = model.state_dict().get('main_stream.head.neck.running_mean')
    return mean is not None and not mean.any()
