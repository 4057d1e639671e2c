"""A run that starts from a trained model of the zoo."""

from pathlib import Path

from torch import nn

from ifd_zoo.fingerprint import hash_weights, model_name
from ifd_zoo.hub import LoadError, load_model
from ifd_zoo.hub.files import describe_mismatch
from train.config import ConfigError


def load_trained(model: nn.Module, source: str) -> dict[str, str | None]:
    """Fill all but the classifiers with the weights of a trained model.

    Args:
        model: of a run.
        source: as for `ifd_zoo.load_model`, or the output folder of a finished run.

    Returns:
        `name`, `sha256` of the weights and `command` of the trained model.

    Raises:
        ConfigError: there is no such model, or it is of another architecture.
    """
    release = Path(source).expanduser() / 'release'
    try:
        trained = load_model(release if release.is_dir() else source)
    except LoadError as error:
        raise ConfigError(f'init: {error}') from error
    weights, own = trained.state_dict(), model.state_dict()
    expected = {key: tuple(value.shape) for key, value in own.items() if '.classifier.' not in key}
    if text := describe_mismatch(expected, {key: tuple(value.shape) for key, value in weights.items()}):
        raise ConfigError(
            f'init: {source} ({model_name(trained)}) has other tensors than this run: {text}; give the --variant and '
            '--backbone that it was trained with'
        )
    model.load_state_dict(weights, strict=False)
    command = trained.release_info.get('command')
    return {'name': model_name(trained), 'sha256': hash_weights(trained), 'command': command}
