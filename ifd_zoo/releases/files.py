"""The files of a release, and what is checked of them before anything is loaded."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import hash_file
from ifd_zoo.releases.schema import Part, describe_fault

CONFIG, WEIGHTS, CARD, GOLDEN = 'config.json', 'model.safetensors', 'README.md', 'golden.safetensors'
RELEASE_FILES = (CONFIG, WEIGHTS, CARD, GOLDEN)
PREFIX = 'hf-hub:'
ORGANISATION = 'IFD_HUB_ORG'
"""Environment variable with the organisation on the Hub where names without published weights are looked for."""

PICKLES = ('.bin', '.pth', '.pt', '.ckpt', '.pkl', '.tar')
"""How names of pickled weights end."""

CONVERSION = (
    'import torch; from safetensors.torch import save; w = torch.load({source}, "cpu", weights_only=True); '
    'w = w.get("state_dict", w); w = {{k: v.contiguous().clone() for k, v in w.items()}}; '
    'open({target}, "wb").write(save(w))'
)


class LoadError(ZooError, ValueError):
    """Weights could not be loaded; the message names the file and what to do."""


class ReleaseError(ZooError, ValueError):
    """A release could not be made, is not what it should be, or could not be published; the message says why."""


def read_config(path: Path, schema: type[Part]) -> dict[str, Any]:
    """A release's config.json.

    Args:
        path: of the file.
        schema: of the kind of release: `ModelConfig` or `ParserConfig`.

    Raises:
        LoadError: it is missing, not JSON, or a field in it is not what it should be.
    """
    return check_config(read_json(path), path, schema)


def read_json(path: Path) -> Any:
    """The same, whatever it holds."""
    if not path.is_file():
        raise LoadError(f'{path.parent}: no {path.name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    with _readable(path):
        return parse_json(path.read_bytes(), path)


def parse_json(text: str | bytes, path: Path) -> Any:
    """The same of a text that was found in `path`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise LoadError(f'{path}: not valid JSON ({error})') from error
    except RecursionError as error:
        raise LoadError(f'{path}: not the config of a release: it is nested too deep') from error


def check_config(config: Any, path: Path, schema: type[Part]) -> dict[str, Any]:
    """The config itself; arguments and errors as for `read_config`."""
    if fault := describe_fault(config, schema):
        raise LoadError(f'{path}: not the config of a release: {fault}')
    return config


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns an OSError into a LoadError that names the file."""
    try:
        yield
    except OSError as error:
        raise LoadError(f'{path}: cannot be read ({error.strerror})') from error


def find_weights(folder: Path, sha256: str | None = None) -> Path:
    """The weights of a release folder, checked; arguments and errors as for `check_weights`."""
    pickles = sorted(path for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles and not (folder / WEIGHTS).is_file():
        raise LoadError(f'{folder}: no {WEIGHTS}; {pickles[0].name} is {conversion_hint(pickles[0])}')
    check_weights(folder / WEIGHTS, sha256)
    return folder / WEIGHTS


def check_weights(path: Path, sha256: str | None = None) -> None:
    """Refuse weights that are a pickle, not the file that was released, not safetensors, or not finite numbers.

    Args:
        path: of the weights.
        sha256: that was recorded when they were released; None when nothing was.

    Raises:
        LoadError: the message names the file, and the tensor or for a pickle the line that converts it.
    """
    if not path.is_file():
        raise LoadError(f'{path.parent}: no {path.name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    with _readable(path):
        if is_pickle(path):
            raise LoadError(f'{path}: {conversion_hint(path)}')
        found = sha256 and hash_file(path)
    if found != sha256:
        raise LoadError(
            f'{path}: not the file that was released: its SHA-256 is {found[:12]}..., {CONFIG} records '
            f'{sha256[:12]}...; truncated or changed, get it again'
        )
    from ifd_zoo.models.tensors import describe_unusable  # imports torch, which names of files alone do not need

    try:
        with safe_open(path, 'pt') as file:
            fault = describe_unusable((name, file.get_tensor(name)) for name in sorted(file.keys()))
    except Exception as error:  # safetensors' own error class is not public
        raise LoadError(f'{path}: damaged or not safetensors ({error})') from error
    if fault:
        raise LoadError(f'{path}: no network can compute with it: {fault}; get it again, or train it anew')


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
    names = [name[:200] for name in names]
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')
