"""Initial weights of a run: those of the backbones, or a trained model of the zoo."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from ifd_zoo.hub import LoadError, list_bundled, load_model
from ifd_zoo.models.backbone import Backbone
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.parsing import load_parser
from ifd_zoo.parsing.parser import BUNDLED
from ifd_zoo.releases.files import describe_mismatch
from train.checkpoint import Checkpoints
from train.config import Config, ConfigError
from train.trained_on import describe_change


def open_trained(source: str, field: str) -> nn.Module:
    """Load a trained model, without classifiers.

    Args:
        source: as for `ifd_zoo.load_model`, or the output folder of a finished run.
        field: of the config, for error messages.

    Raises:
        ConfigError: there is no such model.
    """
    release = Path(source).expanduser() / 'release'
    try:
        return load_model(release if release.is_dir() else source)
    except LoadError as error:
        raise ConfigError(f'{field}: {error}') from error


def load_trained(model: nn.Module, source: str) -> dict[str, str | None]:
    """Load the weights of a trained model into all but the classifiers.

    Args:
        model: of a run.
        source: as for `open_trained`.

    Returns:
        `name`, `sha256` of the weights and `command` of the trained model.

    Raises:
        ConfigError: there is no such model, or it has another architecture.
    """
    trained = open_trained(source, 'init')
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


def load_classifiers(model: nn.Module, source: str, trained_on: str, log: Callable[[str], None]) -> bool:
    """Load the classifiers, too, if the trained model comes from a run on the same images; return whether it does.

    Args:
        model: of a run.
        source: as for `load_trained`; only the output folder of a run holds classifiers, in its checkpoints.
        trained_on: training data of the run, see `train.trained_on.describe_records`.
        log: called with a line for each checkpoint that is skipped.

    Raises:
        CheckpointError: there are checkpoints, but none of them is intact.
    """
    state = Checkpoints(Path(source).expanduser() / 'checkpoints').load(log)
    if not state or not state.get('trained_on') or describe_change(state['trained_on'], trained_on):
        return False
    weights = state['average'] or state['model']
    model.load_state_dict({key: value for key, value in weights.items() if '.classifier.' in key}, strict=False)
    return True


ADVICE = {
    'imagenet': 'connect, or give a file with --backbone-weights PATH, or train from scratch with '
    '--backbone-weights none',
    'parser': 'give another --backbone, or other --backbone-weights',
}
FILE_ADVICE = "give a file with timm's or torchvision's weights of {name}, or a trained model of the zoo with --init"


def load_backbone_weights(model: nn.Module, config: Config) -> str:
    """Load the weights that the config names into the backbones; return a log line that describes them.

    Raises:
        ConfigError: the weights are unavailable; random ones are never used silently.
    """
    source = config.backbone_weights
    if source == 'none':
        return 'backbone weights: none, trained from scratch'
    for stream in model.streams():
        try:
            _load_into(stream.backbone, source)
        except Exception as error:  # no network, no such weights: each library involved has its own errors
            reason = str(error).splitlines()[0]
            name = stream.backbone.name
            raise ConfigError(
                f'backbone_weights: {source!r} of {name} are unavailable ({reason}); '
                + ADVICE.get(source, FILE_ADVICE).format(name=name)
            ) from error
    if source == 'parser':
        return f'backbone weights: encoder of a bundled parser, {model.main_stream.backbone.name}'
    what = f'timm {model.main_stream.backbone.net.default_cfg.get("tag", "")}' if source == 'imagenet' else source
    return f'backbone weights: {what}'


def _load_into(backbone: Backbone, source: str) -> None:
    if source == 'imagenet':
        backbone.load_imagenet()
    elif source == 'parser':
        backbone.load_weights(_bundled_encoder(backbone.name), 'encoder of a bundled parser')
    elif source in list_bundled() or Path(source).expanduser().is_dir():
        backbone.load_weights(open_trained(source, 'backbone_weights').main_stream.backbone.net.state_dict(), source)
    else:
        backbone.load_file(Path(source).expanduser())


def _bundled_encoder(backbone: str) -> dict[str, Tensor]:
    """Return the weights of the encoder of the bundled parser with this backbone.

    Raises:
        ValueError: there is none.
    """
    parsers = {parser.config['backbone']: parser for parser in map(load_parser, BUNDLED)}
    if backbone not in parsers:
        raise ValueError(f'the bundled parsers have the backbones {", ".join(parsers)}')
    return parsers[backbone].net.encoder.state_dict()
