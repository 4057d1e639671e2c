"""The files of a release, and what is checked of them before anything is loaded."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ifd_zoo.errors import ZooError
from ifd_zoo.files import hash_file

CONFIG, WEIGHTS, CARD, GOLDEN = 'config.json', 'model.safetensors', 'README.md', 'golden.safetensors'
RELEASE_FILES = (CONFIG, WEIGHTS, CARD, GOLDEN)
PREFIX = 'hf-hub:'
ORGANISATION = 'IFD_HUB_ORG'
"""Environment variable with the organisation on the Hub where names without published weights are looked for."""

MODEL_FIELDS = ('architecture', 'pretrained_cfg')
"""What the config.json of a model, which has timm's form, cannot do without."""

PICKLES = ('.bin', '.pth', '.pt', '.ckpt', '.pkl', '.tar')
"""How names of pickled weights end."""

OBJECTS = {'pretrained_cfg', 'model_args', 'ifd'}
"""Fields that hold others."""

CONVERSION = (
    'import torch; from safetensors.torch import save_file; w = torch.load({source}, "cpu", weights_only=True); '
    'w = w.get("state_dict", w); save_file({{k: v.contiguous().clone() for k, v in w.items()}}, {target})'
)


class LoadError(ZooError, ValueError):
    """Weights could not be loaded; the message names the file and what to do."""


class ReleaseError(ZooError, ValueError):
    """A release could not be made, is not what it should be, or could not be published; the message says why."""


def read_config(path: Path, fields: Iterable[str] = MODEL_FIELDS) -> dict[str, Any]:
    """A release's config.json.

    Args:
        path: of the file.
        fields: that it must have; by default those of a model.

    Raises:
        LoadError: it is missing, not JSON, or lacks fields.
    """
    if not path.is_file():
        raise LoadError(f'{path.parent}: no {path.name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    return read_recorded(path.read_bytes(), path, fields)


def read_recorded(text: str | bytes, path: Path, fields: Iterable[str] = MODEL_FIELDS) -> dict[str, Any]:
    """The same of a text that was found in `path`."""
    try:
        config = json.loads(text)
    except ValueError as error:
        raise LoadError(f'{path}: not valid JSON ({error})') from error
    if not isinstance(config, dict):
        raise LoadError(f'{path}: not the config of a release, which is an object in JSON')
    missing = set(fields) - set(config)
    if missing:
        raise LoadError(f'{path}: not the config of a release, it lacks {", ".join(sorted(missing))}')
    for field in OBJECTS & set(config):
        if not isinstance(config[field], dict):
            raise LoadError(f'{path}: not the config of a release, its {field} is no object in JSON')
    return config


def find_weights(folder: Path, sha256: str | None = None) -> Path:
    """The weights of a release folder, checked; arguments and errors as for `check_weights`."""
    pickles = sorted(path for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles and not (folder / WEIGHTS).is_file():
        raise LoadError(f'{folder}: no {WEIGHTS}; {pickles[0].name} is {conversion_hint(pickles[0])}')
    check_weights(folder / WEIGHTS, sha256)
    return folder / WEIGHTS


def check_weights(path: Path, sha256: str | None = None) -> None:
    """Refuse weights that are a pickle, not the file that was released, or not safetensors.

    Args:
        path: of the weights.
        sha256: that was recorded when they were released; None when nothing was.

    Raises:
        LoadError: the message names the file, and for a pickle the line that converts it.
    """
    if not path.is_file():
        raise LoadError(f'{path.parent}: no {path.name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    if is_pickle(path):
        raise LoadError(f'{path}: {conversion_hint(path)}')
    if sha256 and (found := hash_file(path)) != sha256:
        raise LoadError(
            f'{path}: not the file that was released: its SHA-256 is {found[:12]}..., {CONFIG} records '
            f'{sha256[:12]}...; truncated or changed, get it again'
        )
    try:
        with safe_open(path, 'pt'):
            pass
    except Exception as error:  # safetensors' own error class is not public
        raise LoadError(f'{path}: damaged or not safetensors ({error})') from error


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or the archive that torch puts one into: by its content, whatever its name is."""
    with path.open('rb') as file:
        head = file.read(9)
    # A safetensors header may begin with the same two bytes as a pickle, but has a brace at this place.
    return head.startswith((b'PK\x03\x04', b'\x80')) and head[8:] != b'{'


def conversion_hint(path: Path) -> str:
    """Why a pickle is refused, and the line that makes a safetensors file of it."""
    # JSON's quotes are double ones, which a shell leaves alone within single ones.
    source, target = json.dumps(str(path)), json.dumps(str(path.with_suffix('.safetensors')))
    code = CONVERSION.format(source=source, target=target)
    return f'a pickle, which can run code when it is read, is not loaded; convert it: python -c {shlex.quote(code)}'


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file, without reading them."""
    with safe_open(path, 'pt') as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}


def describe_mismatch(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str:
    """How two sets of tensors differ, in words; empty when they do not.

    Args:
        expected: of the network, name to shape.
        found: of the file.
    """
    common = sorted(expected.keys() & found.keys())
    reshaped = [f'{k} is {found[k]}, expected {expected[k]}' for k in common if found[k] != expected[k]]
    parts = {
        'missing': sorted(expected.keys() - found.keys()),
        'not known to it': sorted(found.keys() - expected.keys()),
        'of another shape': reshaped,
    }
    return '; '.join(f'{len(names)} {what}: {_few(names)}' for what, names in parts.items() if names)


def _few(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')
