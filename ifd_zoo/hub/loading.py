"""Load a model by name, tag, folder, file or Hub id. There is no way here to random weights under a trained name."""

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
from ifd_zoo.hub.names import default_tag, how_to_make, hub_source, is_known, list_bundled, list_cached, list_models
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
    """Weights that have been found, checked and not yet loaded."""

    source: str
    config: dict[str, Any]
    weights: Path


def create_model(source: str | Path, pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A model, in training mode as timm gives it; what its config.json records is in `release_info`.

    Args:
        source: an architecture or `architecture.tag`; or a release folder, a `.safetensors` file, or
            `hf-hub:org/name[@revision]`, which always come with their weights.
        pretrained: for an architecture, trained weights: those of its first tag that has some. Fresh ones otherwise. A
            name with a tag comes with its weights in any case.
        kwargs: as for `timm.create_model`, such as `num_classes` or `in_chans`; they win over the release.

    Raises:
        LoadError: there are no such weights, or they are not what they should be.
    """
    if not pretrained and str(source) in list_models():
        model = timm.create_model(str(source), **kwargs)
        model.release_info = {}
        return model
    return build(find_release(source), **kwargs)


def load_model(source: str | Path, feature: str | None = None) -> nn.Module:
    """A trained model in eval mode, without classifier. Arguments and errors as for `create_model`.

    Warns of a release that holds fresh weights.

    Args:
        feature: test feature, of `ifd_zoo.common.choices.FEATURES`, in place of that of the release.
    """
    model = build(find_release(source), num_classes=0).eval()
    warn_of_fresh(model)
    try:
        return with_feature(model, feature)
    except FeatureError as error:
        raise LoadError(f'{source}: {error}') from error


def load_trained(source: str | Path, fresh: bool = False) -> nn.Module:
    """`load_model` for what is kept or passed on, where weights that were never trained are a mistake.

    Args:
        source: as for `create_model`.
        fresh: they are none: an architecture comes with fresh weights, and a release may hold such.

    Raises:
        LoadError: as for `create_model`; or the weights are fresh.
    """
    if fresh:
        return create_model(source, num_classes=0).eval()
    model = build(find_release(source), num_classes=0).eval()
    if is_fresh(model):
        raise LoadError(f'{source}: {FRESH}; give a trained release, or --fresh-weights if you mean it')
    return model


def warn_of_fresh(model: nn.Module) -> None:
    """A warning where a network was never trained."""
    if is_fresh(model):
        warnings.warn(f'{model_name(model)}: {FRESH}; its embeddings tell nobody apart', stacklevel=3)


def read_info(source: str | Path) -> dict[str, Any]:
    """The section `ifd` of a release's config.json: command, seed, data, figures. Arguments as for `create_model`."""
    return find_release(source).config.get('ifd', {})


def find_release(source: str | Path) -> Release:
    """Where the weights of that name are, after every check that needs no network to be built.

    Raises:
        LoadError: nothing is found under that name, or the files do not hold what they should.
    """
    source = str(source)
    path = Path(source).expanduser()
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
        return _in_folder(source, _fetch(hub_source(name), f'; to make them: {how_to_make(name)}'))
    raise LoadError(
        f'{source}: its weights are not published; make them with `{how_to_make(name)}`, and give the release folder '
        f'of that run; with weights: {", ".join(list_bundled())}'
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
        raise LoadError(f'{path}: does not say which architecture it is of; put it as {WEIGHTS} beside its {CONFIG}')
    return Release(source, check_config(parse_json(recorded, path), path, ModelConfig), path)


def build(release: Release, **kwargs: Any) -> nn.Module:
    """The model with its weights, in training mode. Errors as for `create_model`."""
    config = release.config
    if not is_known(config['architecture']):
        raise LoadError(
            f'{release.source}: {config["architecture"]} is no architecture of this version of the zoo; known are '
            f'{", ".join(list_models())}'
        )
    if reason := _mismatch(release):
        raise LoadError(f'{release.source}: cannot be loaded as the IFD model {config["architecture"]}: {reason}')
    options = {**_model_args(release), **kwargs}
    try:
        # pretrained=True always: without it timm silently returns random weights.
        model = timm.create_model(config['architecture'], pretrained=True, pretrained_cfg=_cfg(release), **options)
    except Exception as error:  # timm raises whatever its sources raise: RuntimeError, KeyError, OSError ...
        reason = f'{type(error).__name__}: {first_line(error)}'
        raise LoadError(
            f'{release.source}: cannot be loaded as the IFD model {config["architecture"]}: {reason}'
        ) from error
    model.release_info = config.get('ifd', {})
    try:
        require_feature(model)
    except FeatureError as error:
        raise LoadError(f'{release.source}: in its {CONFIG}: {error}') from error
    return model


def _cfg(release: Release) -> dict[str, Any]:
    """A pretrained_cfg with which timm reads the file that has been checked, and all of it.

    What a config says beyond `PretrainedCfg` could send timm to another file, or make it leave tensors out.
    """
    config, own = release.config, timm.get_pretrained_cfg(release.config['architecture'])
    said = {key: value for key, value in config['pretrained_cfg'].items() if key in PretrainedCfg.model_fields}
    layers = {'first_conv': own.first_conv, 'classifier': own.classifier}
    return said | layers | {'architecture': config['architecture'], 'file': os.fspath(release.weights)}


def _model_args(release: Release) -> dict[str, Any]:
    """What the network was constructed with."""
    options = dict(release.config.get('model_args', {}), num_classes=release.config.get('num_classes', 0))
    unknown = sorted(options.keys() - set(arguments(release.config['architecture'])))
    if unknown:  # among them those by which timm reads further files
        raise LoadError(f'{release.source}: model_args in its {CONFIG} that no model takes: {", ".join(unknown)}')
    return options


def _mismatch(release: Release) -> str:
    """Why the tensors of the file are not those of the network, which is not given any memory; empty when they are."""
    options = _model_args(release) | {'num_classes': 0}
    try:
        with torch.device('meta'):
            network = timm.create_model(release.config['architecture'], **options)
    except Exception as error:  # timm and its backbones raise whatever arguments lead them to
        return f'{type(error).__name__}: {first_line(error)}'
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    classifiers = tuple(f'{name}.' for name in network.pretrained_cfg['classifier'])
    found = {key: shape for key, shape in stored_shapes(release.weights).items() if not key.startswith(classifiers)}
    text = describe_mismatch(expected, found)
    return f'of {len(expected)} tensors {text}' if text else ''


def eval_transform(model: nn.Module) -> EvalTransform:
    """What the model expects of its input: size, statistics, and the masks that it was trained with."""
    cfg = model.pretrained_cfg
    masking = Masking(**masking_fields(getattr(model, 'release_info', {})))
    return EvalTransform(tuple(cfg['input_size'][1:]), cfg['mean'], cfg['std'], masking)


def loading_fields(info: dict[str, Any]) -> dict[str, Any]:
    """Pick what a release records without which the same weights would give other embeddings."""
    return {'training': masking_fields(info), **{key: info[key] for key in ('feature',) if key in info}}


def masking_fields(info: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `Masking` as far as a release records them."""
    training = info.get('training', {})
    return {field.name: training[field.name] for field in dataclasses.fields(Masking) if field.name in training}
