"""Name of a network, hash of its weights, and whether they are fresh."""

import hashlib

from torch import nn


def model_name(model: nn.Module) -> str:
    """Return `architecture.tag`, as in `ifd_resnet10t.synthetic`."""
    cfg = model.pretrained_cfg
    return '.'.join(filter(None, (cfg['architecture'], cfg.get('tag'))))


def hash_weights(model: nn.Module) -> str:
    """Return the SHA-256 of tensor names and values as loaded: the same for a folder and its copy on the Hub."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_fresh(model: nn.Module) -> bool:
    """Return whether a network of the zoo was never trained: the running mean of its BN neck is still zero."""
    mean = model.state_dict().get('main_stream.head.neck.running_mean')
    return mean is not None and not mean.any()
