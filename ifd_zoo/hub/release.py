"""Save a model as a release folder."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf  # timm's only writer of the config without the weights
from torch import nn

from ifd_zoo.common.choices import STORED
from ifd_zoo.common.files import hash_file, replacing
from ifd_zoo.hub.golden import make_golden
from ifd_zoo.hub.loading import find_release, loading_fields
from ifd_zoo.hub.model_schema import ModelConfig
from ifd_zoo.releases.files import (
    CARD,
    CONFIG,
    GOLDEN,
    PREFIX,
    WEIGHTS,
    LoadError,
    ReleaseError,
    read_config,
)

PRECISIONS = dict(zip(STORED, (torch.float16, torch.float32), strict=True))


def save_release(
    model: nn.Module, folder: str | Path, tag: str, info: dict[str, Any], precision: str = 'fp16'
) -> Path:
    """Write a release folder: weights without classifiers, config.json, golden tensors and the model card.

    The model itself is not changed.

    Args:
        model: an architecture of the zoo.
        folder: created if missing; existing files are replaced.
        tag: name of the training run, as in `ifd_resnet10t.synthetic`.
        info: JSON values: `input_size` (3, H, W), command, seed, data, figures; `feature`, the test feature as in
            `ifd_zoo.common.choices.FEATURES`; `license` of the weights, default: that of the release from which the
            model was loaded, none for a new training.
        precision: of the stored weights, `fp16` or `fp32`.

    Raises:
        ReleaseError: a weight is too large for that precision, or the model does not take RGB images.
    """
    folder = Path(folder)
    released, state = _released_copy(model, tag, info, PRECISIONS[precision])
    folder.mkdir(parents=True, exist_ok=True)
    # The weights file also holds what loading needs, so that it can be loaded alone, but nothing else, such as timings,
    # so that equal runs give equal files. A single metadata entry: safetensors writes several in any order.
    _write_config(released, folder, loading_fields(info))
    with replacing(folder / WEIGHTS) as temporary:
        save_file(state, temporary, metadata={'config': (folder / CONFIG).read_text()})
    with replacing(folder / GOLDEN) as temporary:
        save_file(make_golden(released), temporary)
    hashes = {name: hash_file(folder / name) for name in (WEIGHTS, GOLDEN)}
    _write_config(released, folder, {**info, 'precision': precision, 'sha256': hashes})
    write_card(folder)
    return folder


def as_stored(model: nn.Module, precision: str = 'fp16') -> nn.Module:
    """Copy the model, on its device, with weights rounded as `save_release` stores them: measure figures on this copy.

    Raises:
        ReleaseError: a weight is too large for that precision.
    """
    stored = copy.deepcopy(model).eval()
    stored.load_state_dict(model.state_dict() | _stored_state(model, PRECISIONS[precision]))
    return stored


def _released_copy(
    model: nn.Module, tag: str, info: dict[str, Any], dtype: torch.dtype
) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Return the model as it will be loaded, and the tensors to store."""
    architecture, model_args = model.pretrained_cfg['architecture'], dict(getattr(model, '_model_args', None) or {})
    model_args.pop('num_classes', None)
    if model_args.get('in_chans', 3) != 3:
        raise ReleaseError(f'a release reads RGB images, and this model {model_args["in_chans"]} channels')
    released = timm.create_model(architecture, num_classes=0, **model_args).eval()
    state = _stored_state(model, dtype)
    released.load_state_dict(state)
    # A new training does not inherit what the weights table says about the default weights of the architecture.
    loaded = model.pretrained_cfg if getattr(model, 'release_info', None) else {}
    about = {key: loaded.get(key) for key in ('license', 'description', 'notes')}
    about['license'] = info.get('license', about['license'])
    released.pretrained_cfg.update(tag=tag, num_classes=0, input_size=tuple(info['input_size']), **about)
    released.release_info = info
    return released, state


def _stored_state(model: nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return all tensors but those of classifiers, contiguous, on the CPU, floating-point ones converted to `dtype`."""
    state = {key: value for key, value in model.state_dict().items() if '.classifier.' not in key}
    before = {key: value.detach().to('cpu').contiguous() for key, value in state.items()}
    after = {key: value.to(dtype) if value.is_floating_point() else value for key, value in before.items()}
    # Refuse only what rounding breaks: a training that has diverged shows in its figures.
    broken = [key for key, value in after.items() if not torch.equal(value.isfinite(), before[key].isfinite())]
    if broken:
        raise ReleaseError(f'too large for {str(dtype).removeprefix("torch.")}: {", ".join(broken[:3])}')
    return after


def _write_config(model: nn.Module, folder: Path, info: dict[str, Any]) -> None:
    data_config = {'input_size': tuple(model.pretrained_cfg['input_size'])}
    save_config_for_hf(model, folder / CONFIG, model_config={'ifd': info}, data_config=data_config)


def write_card(folder: str | Path) -> Path:
    """Write the model card README.md of a release from its config.json, and return its path.

    Raises:
        LoadError: config.json is missing or damaged.
    """
    from ifd_zoo.hub.kinds import read_release  # imported late: it needs YAML, which is slow to import

    kind, config = read_release(folder)
    path = Path(folder) / CARD
    path.write_text(kind.card(config))
    return path


def find_record(source: str | Path) -> Path:
    """Return the folder of a release whose config.json may be changed.

    Args:
        source: a bundled name or a release folder.

    Raises:
        LoadError: nothing is found, or it may not be changed: a release on the Hub, or weights alone.
    """
    folder = find_release(source).weights.parent
    if str(source).startswith(PREFIX) or not (folder / CONFIG).is_file():
        raise LoadError(f'{source}: has no {CONFIG} to write to; give a bundled name or a release folder')
    return folder


def update_record(folder: Path, **fields: Any) -> None:
    """Add or replace fields in a release's section `ifd`, and rewrite its card."""
    config = read_config(folder / CONFIG, ModelConfig)
    config['ifd'] = config.get('ifd', {}) | fields
    with replacing(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2))
    write_card(folder)


def release_name(config: dict[str, Any]) -> str:
    """Return `architecture.tag` of a release's config."""
    return '.'.join(filter(None, (config['architecture'], config['pretrained_cfg'].get('tag'))))


def code_revision() -> str | None:
    """Return the commit of this code, with `-dirty` if files differ from it; None outside its git repository."""
    root = Path(__file__).resolve().parents[2]
    if not (root / '.git').exists():  # installed, perhaps inside another repository
        return None
    try:
        command = ['git', 'describe', '--always', '--abbrev=40', '--dirty', '--exclude', '*']
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git on this machine, or a file system that hangs
        return None
    return result.stdout.strip() or None


def resave_release(model: nn.Module, folder: str | Path, license: str | None = None) -> Path:
    """Save a loaded model as a complete release folder, with what its release records. Errors as for `save_release`.

    Args:
        model: from `load_model`.
        folder: as for `save_release`.
        license: of the weights; default: that of the model's own release.
    """
    info = {key: value for key, value in model.release_info.items() if key not in ('precision', 'sha256')}
    info.setdefault('input_size', list(model.pretrained_cfg['input_size']))
    if license:
        info['license'] = license
    return save_release(model, folder, model.pretrained_cfg.get('tag') or 'untagged', info)
