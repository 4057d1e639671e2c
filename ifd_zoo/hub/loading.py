"""Load a model by name, tag, folder, file or Hub id; the name of a trained model never gives random weights."""

import dataclasses
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from safetensors import safe_open
from torch import nn

from ifd_zoo.common.errors import first_line
from ifd_zoo.hub.model_schema import ModelConfig, PretrainedCfg
from ifd_zoo.hub.names import (
    default_tag,
    hub_source,
    is_known,
    list_bundled,
    list_cached,
    list_models,
    training_command,
)
from ifd_zoo.models.features import FeatureError, require_feature, with_feature
from ifd_zoo.models.fingerprint import is_fresh, model_name
from ifd_zoo.models.zoo import arguments
from ifd_zoo.releases.files import (
    CONFIG,
    PICKLES,
    PREFIX,
    WEIGHTS,
    LoadError,
    check_config,
    check_weights,
    describe_mismatch,
    find_weights,
    parse_json,
    read_config,
    stored_shapes,
)
from ifd_zoo.releases.remote import fetch
from ifd_zoo.transforms import EvalTransform, Masking

FRESH = 'fresh weights, not trained'


class Release(NamedTuple):
    """Weights that have been found and checked, but not loaded."""

    source: str
    config: dict[str, Any]
    weights: Path


def create_model(source: str | Path, pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Create a model, in training mode as in timm; its `release_info` is the section `ifd` of config.json.

    Args:
        source: an architecture or `architecture.tag`; or a release folder, a `.safetensors` file, or
            `hf-hub:org/name[@revision]`, which are always loaded with their weights.
        pretrained: load trained weights for an architecture: those of its first tag that has any. Otherwise they are
            fresh (random). A name with a tag is always loaded with its weights.
        kwargs: as for `timm.create_model`, such as `num_classes` or `in_chans`; they override the release.

    Raises:
        LoadError: the weights are not found, or fail a check.
    """
    if not pretrained and str(source) in list_models():
        model = timm.create_model(str(source), **kwargs)
        model.release_info = {}
        return model
    return build(find_release(source), **kwargs)


def load_model(source: str | Path, feature: str | None = None) -> nn.Module:
    """Load a trained model in eval mode, without classifiers. Arguments and errors as for `create_model`.

    Warns if the release holds fresh weights.

    Args:
        feature: test feature from `ifd_zoo.common.choices.FEATURES`, in place of that of the release.
    """
    model = build(find_release(source), num_classes=0).eval()
    warn_if_untrained(model)
    try:
        return with_feature(model, feature)
    except FeatureError as error:
        raise LoadError(f'{source}: {error}') from error


def load_trained(source: str | Path, fresh: bool = False) -> nn.Module:
    """Load a model as `load_model` does, but refuse fresh weights: for results that are kept or passed on.

    Args:
        source: as for `create_model`.
        fresh: allow fresh weights: those of an architecture, or a release that holds them.

    Raises:
        LoadError: as for `create_model`; or the weights are fresh.
    """
    if fresh:
        return create_model(source, num_classes=0).eval()
    model = build(find_release(source), num_classes=0).eval()
    if is_fresh(model):
        raise LoadError(f'{source}: {FRESH}; give a trained release, or --fresh-weights if you mean it')
    return model


def warn_if_untrained(model: nn.Module) -> None:
    """Warn if a network was never trained."""
    if is_fresh(model):
        warnings.warn(f'{model_name(model)}: {FRESH}; its embeddings do not tell people apart', stacklevel=3)


def read_info(source: str | Path) -> dict[str, Any]:
    """Return section `ifd` of a release's config.json: command, data, figures. Arguments as for `create_model`."""
    return find_release(source).config.get('ifd', {})


def find_release(source: str | Path) -> Release:
    """Find the weights of that name, and run every check that does not need the network to be built.

    Raises:
        LoadError: nothing is found under that name, or the files fail a check.
    """
    source, path = str(source), Path(source).expanduser()
    if source.startswith(PREFIX):
        return _in_folder(source, _fetch(source))
    if path.is_dir():
        return _in_folder(source, path)
    if path.is_file() or path.suffix in ('.safetensors', *PICKLES):
        return _in_file(source, path)
    if not is_known(source):
        raise LoadError(
            f'no trained model {source!r}: give a release folder, a .safetensors file, hf-hub:org/name, or one of: '
            f'{", ".join(list_bundled()) or "none"}'
        )
    name = default_tag(source)
    if name in list_bundled():
        return _in_folder(source, Path(timm.get_pretrained_cfg(name).file).parent)
    if hub_source(name):
        return _in_folder(source, _fetch(hub_source(name), f'; to make them: {training_command(name)}'))
    raise LoadError(
        f'{source}: its weights are not published; make them with `{training_command(name)}`, and give the release '
        f'folder of that run; with weights: {", ".join(list_bundled())}'
    )


def _fetch(source: str, hint: str = '') -> Path:
    try:
        return fetch(source)
    except LoadError as error:
        have = f'in the cache: {", ".join(list_cached()) or "none"}; bundled: {", ".join(list_bundled())}'
        raise LoadError(f'{error}; {have}{hint}') from error


def _in_folder(source: str, folder: Path) -> Release:
    config = read_config(folder / CONFIG, ModelConfig)
    return Release(source, config, find_weights(folder, config.get('ifd', {}).get('sha256', {}).get(WEIGHTS)))


def _in_file(source: str, path: Path) -> Release:
    if not path.is_file():
        raise LoadError(f'{path}: no such file; give a release folder, a .safetensors file or hf-hub:org/name')
    if path.name == WEIGHTS and (path.parent / CONFIG).is_file():
        return _in_folder(source, path.parent)
    check_weights(path)
    with safe_open(path, 'pt') as file:
        recorded = (file.metadata() or {}).get('config')
    if recorded is None:
        raise LoadError(f'{path}: does not record its architecture; put it next to its {CONFIG} as {WEIGHTS}')
    return Release(source, check_config(parse_json(recorded, path), path, ModelConfig), path)


def build(release: Release, **kwargs: Any) -> nn.Module:
    """Build the model with its weights, in training mode. Errors as for `create_model`."""
    config = release.config
    if not is_known(config['architecture']):
        known = ', '.join(list_models())
        raise LoadError(f'{release.source}: {config["architecture"]} is no architecture of this zoo; known: {known}')
    failed = f'{release.source}: cannot be loaded as the IFD model {config["architecture"]}'
    if reason := _mismatch(release):
        raise LoadError(f'{failed}: {reason}')
    options = {**_model_args(release), **kwargs}
    try:
        # pretrained=True always: without it timm silently returns random weights.
        model = timm.create_model(config['architecture'], pretrained=True, pretrained_cfg=_cfg(release), **options)
    except Exception as error:  # timm raises whatever its sources raise: RuntimeError, KeyError, OSError ...
        raise LoadError(f'{failed}: {type(error).__name__}: {first_line(error)}') from error
    model.release_info = config.get('ifd', {})
    try:
        require_feature(model)
    except FeatureError as error:
        raise LoadError(f'{release.source}: in its {CONFIG}: {error}') from error
    return model


def _cfg(release: Release) -> dict[str, Any]:
    """Return a pretrained_cfg that makes timm read the checked file, and all of it.

    Fields beyond `PretrainedCfg` could send timm to another file, or make it leave tensors out.
    """
    config, own = release.config, timm.get_pretrained_cfg(release.config['architecture'])
    recorded = {key: value for key, value in config['pretrained_cfg'].items() if key in PretrainedCfg.model_fields}
    recorded |= {'first_conv': own.first_conv, 'classifier': own.classifier}
    return recorded | {'architecture': config['architecture'], 'file': os.fspath(release.weights)}


def _model_args(release: Release) -> dict[str, Any]:
    """Return the arguments that the network was constructed with."""
    options = dict(release.config.get('model_args', {}), num_classes=release.config.get('num_classes', 0))
    unknown = sorted(options.keys() - set(arguments(release.config['architecture'])))
    if unknown:  # some would make timm read further files
        raise LoadError(f'{release.source}: unknown model_args in its {CONFIG}: {", ".join(unknown)}')
    return options


def _mismatch(release: Release) -> str:
    """Say how the tensors of the file differ from the network's, built on the meta device; empty if they match."""
    options = _model_args(release) | {'num_classes': 0}
    try:
        with torch.device('meta'):
            network = timm.create_model(release.config['architecture'], **options)
    except Exception as error:  # bad arguments make timm and its backbones raise anything
        return f'{type(error).__name__}: {first_line(error)}'
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    classifiers = tuple(f'{name}.' for name in network.pretrained_cfg['classifier'])
    found = {key: shape for key, shape in stored_shapes(release.weights).items() if not key.startswith(classifiers)}
    text = describe_mismatch(expected, found)
    return f'of {len(expected)} tensors {text}' if text else ''


def eval_transform(model: nn.Module) -> EvalTransform:
    """Return the model's transform of its input: size, mean and std, and the masks that it was trained with."""
    cfg = model.pretrained_cfg
    masking = masking_fields(getattr(model, 'release_info', {}))
    return EvalTransform(tuple(cfg['input_size'][1:]), cfg['mean'], cfg['std'], Masking(**masking))


def loading_fields(info: dict[str, Any]) -> dict[str, Any]:
    """Pick the recorded fields, beside the weights, on which the embeddings depend."""
    return {'training': masking_fields(info), **{key: info[key] for key in ('feature',) if key in info}}


def masking_fields(info: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Masking` that a release records."""
    training = info.get('training', {})
    return {field.name: training[field.name] for field in dataclasses.fields(Masking) if field.name in training}
