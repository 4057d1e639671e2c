"""Files of a release, and the checks made before anything is loaded."""

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
"""Environment variable: Hub organisation in which names without published weights are looked up."""

PICKLES = ('.bin', '.pth', '.pt', '.ckpt', '.pkl', '.tar')
"""File name suffixes of pickled weights."""

CONVERSION = (
    'import torch; from safetensors.torch import save; w = torch.load({source}, "cpu", weights_only=True); '
    'w = w.get("state_dict", w); w = {{k: v.contiguous().clone() for k, v in w.items()}}; '
    'open({target}, "wb").write(save(w))'
)


class LoadError(ZooError, ValueError):
    """Weights could not be loaded; the message names the file and what to do."""


class ReleaseError(ZooError, ValueError):
    """A release could not be made, is invalid, or could not be published; the message says why."""


def read_config(path: Path, schema: type[Part]) -> dict[str, Any]:
    """Read and check a release's config.json.

    Args:
        path: of the file.
        schema: of the kind of release: `ModelConfig` or `ParserConfig`.

    Raises:
        LoadError: the file is missing, not JSON, or has an invalid field.
    """
    return check_config(read_json(path), path, schema)


def read_json(path: Path) -> Any:
    """Read JSON from a file without checking its content; raises LoadError if it is missing or not JSON."""
    if not path.is_file():
        raise LoadError(f'{path.parent}: no {path.name} in this folder; a release has {CONFIG} and {WEIGHTS}')
    with _readable(path):
        return parse_json(path.read_bytes(), path)


def parse_json(text: str | bytes, path: Path) -> Any:
    """Parse JSON that was read from `path`, which only serves the message; raises LoadError if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise LoadError(f'{path}: not valid JSON ({error})') from error
    except RecursionError as error:
        raise LoadError(f'{path}: not the config of a release: it is nested too deeply') from error


def check_config(config: Any, path: Path, schema: type[Part]) -> dict[str, Any]:
    """Return the config if it is valid; arguments and errors as for `read_config`."""
    if fault := describe_fault(config, schema):
        raise LoadError(f'{path}: not the config of a release: {fault}')
    return config


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn an OSError into a LoadError that names the file."""
    try:
        yield
    except OSError as error:
        raise LoadError(f'{path}: cannot be read ({error.strerror})') from error


def find_weights(folder: Path, sha256: str | None = None) -> Path:
    """Return the path of a release folder's weights, checked; arguments and errors as for `check_weights`."""
    pickles = sorted(path for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles and not (folder / WEIGHTS).is_file():
        raise LoadError(f'{folder}: no {WEIGHTS}; {pickles[0].name} is {conversion_hint(pickles[0])}')
    check_weights(folder / WEIGHTS, sha256)
    return folder / WEIGHTS


def check_weights(path: Path, sha256: str | None = None) -> None:
    """Refuse weights that are a pickle, not the file that was released, not safetensors, or not finite numbers.

    Args:
        path: of the weights.
        sha256: as recorded at release; None if it was not recorded.

    Raises:
        LoadError: the message names the file, and the tensor or, for a pickle, the command that converts it.
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
    from ifd_zoo.models.tensors import describe_unusable  # imports torch, which file names alone do not need

    try:
        with safe_open(path, 'pt') as file:
            fault = describe_unusable((name, file.get_tensor(name)) for name in sorted(file.keys()))
    except Exception as error:  # safetensors' own error class is not public
        raise LoadError(f'{path}: damaged or not safetensors ({error})') from error
    if fault:
        raise LoadError(f'{path}: unusable weights: {fault}; get it again, or train again')


def is_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, or torch's archive with one, by its content and not its name."""
    with path.open('rb') as file:
        head = file.read(9)
    # A safetensors file may begin with the same bytes as a pickle, but has a brace in this position.
    return head.startswith((b'PK\x03\x04', b'\x80')) and head[8:] != b'{'


def conversion_hint(path: Path) -> str:
    """Say why a pickle is refused, and give the command that converts it to safetensors."""
    # JSON uses double quotes, which need no escaping within the single quotes of a shell.
    source, target = json.dumps(str(path)), json.dumps(str(path.with_suffix('.safetensors')))
    code = CONVERSION.format(source=source, target=target)
    return f'a pickle, which can run code when it is read, is not loaded; convert it: python -c {shlex.quote(code)}'


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the tensors in a safetensors file, without reading the tensors."""
    with safe_open(path, 'pt') as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}


def describe_mismatch(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str:
    """Describe how two sets of tensors differ; empty if they do not.

    Args:
        expected: of the network, name to shape.
        found: of the file.
    """
    common = sorted(expected.keys() & found.keys())
    reshaped = [f'{k} is {found[k]}, expected {expected[k]}' for k in common if found[k] != expected[k]]
    parts = {
        'missing': sorted(expected.keys() - found.keys()),
        'unexpected': sorted(found.keys() - expected.keys()),
        'of another shape': reshaped,
    }
    return '; '.join(f'{len(names)} {what}: {_few(names)}' for what, names in parts.items() if names)


def _few(names: Iterable[str], most: int = 3) -> str:
    names = [name[:200] for name in names]
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')
