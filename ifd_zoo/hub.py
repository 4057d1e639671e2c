"""Releases: a folder with `config.json` (timm's form plus our section `ifd`) and `model.safetensors`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file, save_file
from timm.models._hub import save_config_for_hf  # timm's only writer of the config without the weights
from torch import nn

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.transforms import EvalTransform, Masking

CONFIG, WEIGHTS = 'config.json', 'model.safetensors'


class LoadError(ValueError):
    """Weights could not be loaded; the message names the file and what to do."""


def list_models() -> list[str]:
    """Architectures of the zoo, sorted."""
    return timm.list_models('ifd_*')


def list_bundled() -> list[str]:
    """Names (`architecture.tag`) whose weights come with this package, sorted."""
    tagged = timm.list_pretrained('ifd_*')
    return [name for name in tagged if Path(timm.get_pretrained_cfg(name).file or '').is_file()]


def load_model(source: str | Path) -> nn.Module:
    """A trained model in eval mode, without classifier; what its config.json records is in `release_info`.

    Args:
        source: a release folder, `name.tag` with bundled weights (`ifd_resnet10t.synthetic`), or `hf-hub:org/name`.

    Raises:
        LoadError: nothing is found under that name, or the files do not hold what they should.
    """
    source = str(source)
    folder = Path(source).expanduser()
    if source.startswith('hf-hub:'):
        name = source
    elif folder.is_dir():
        _check_folder(folder)
        name = f'local-dir:{folder}'
    elif source in list_bundled():
        name = source
    else:
        known = ', '.join(list_bundled()) or 'none'
        raise LoadError(f'no trained model {source!r}: give a release folder, hf-hub:org/name, or one of: {known}')
    try:
        # pretrained=True always: without it timm silently returns random weights.
        model = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # timm raises whatever its sources raise: RuntimeError, KeyError, OSError ...
        raise LoadError(f'{source}: cannot be loaded as an IFD model ({type(error).__name__}: {error})') from error
    model.release_info = read_info(source)
    return model.eval()


def read_info(source: str) -> dict[str, Any]:
    """The section `ifd` of a release's config.json: command, seed, data, figures. Arguments as for `load_model`."""
    if source.startswith('hf-hub:'):
        repo, _, revision = source.removeprefix('hf-hub:').partition('@')
        path = Path(hf_hub_download(repo, CONFIG, revision=revision or None))
    elif source in list_bundled():
        path = Path(timm.get_pretrained_cfg(source).file).parent / CONFIG
    else:
        path = Path(source).expanduser() / CONFIG
    return json.loads(path.read_text()).get('ifd', {})


def eval_transform(model: nn.Module) -> EvalTransform:
    """What the model expects of its input: size, statistics, and the masks that it was trained with."""
    cfg = model.pretrained_cfg
    training = getattr(model, 'release_info', {}).get('training', {})
    names = [field.name for field in dataclasses.fields(Masking) if field.name in training]
    masking = Masking(**{name: training[name] for name in names})
    return EvalTransform(tuple(cfg['input_size'][1:]), cfg['mean'], cfg['std'], masking)


def save_release(model: nn.Module, folder: str | Path, tag: str, info: dict[str, Any]) -> Path:
    """Write a release folder: fp16 weights without classifiers, and config.json.

    The model itself is left as it is.

    Args:
        model: an architecture of the zoo.
        folder: made when missing; existing files are replaced.
        tag: names the training run, as in `ifd_resnet10t.synthetic`.
        info: JSON values: `input_size` (3, H, W), command, seed, data, figures.
    """
    folder = Path(folder)
    architecture, model_args = model.pretrained_cfg['architecture'], dict(getattr(model, '_model_args', None) or {})
    model_args.pop('num_classes', None)
    released = timm.create_model(architecture, num_classes=0, **model_args)
    state = {key: value for key, value in model.state_dict().items() if '.classifier.' not in key}
    released.load_state_dict(state)
    released.pretrained_cfg.update(tag=tag, num_classes=0)
    folder.mkdir(parents=True, exist_ok=True)
    save_config_for_hf(
        released,
        folder / CONFIG,
        model_config={'ifd': info},
        data_config={'input_size': tuple(info['input_size'])},
    )
    save_file(half_precision(released.state_dict()), folder / WEIGHTS, metadata={'format': 'pt'})
    return folder


def half_precision(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating-point tensors as contiguous fp16, others as they are."""
    return {
        key: (value.half() if value.is_floating_point() else value).contiguous() for key, value in state.items()
    }


def _check_folder(folder: Path) -> None:
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise LoadError(f'{folder}: no {name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    try:
        json.loads((folder / CONFIG).read_text())
    except ValueError as error:
        raise LoadError(f'{folder / CONFIG}: not valid JSON ({error})') from error
    try:
        load_file(folder / WEIGHTS)
    except Exception as error:  # safetensors' own error class is not public
        raise LoadError(f'{folder / WEIGHTS}: damaged or not safetensors ({error})') from error
