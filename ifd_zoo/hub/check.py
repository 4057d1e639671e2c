"""Check that a release is complete and that this machine reproduces its golden tensors."""

from pathlib import Path

from huggingface_hub import ModelCard
from safetensors.torch import load_file

from ifd_zoo.common.errors import first_line
from ifd_zoo.common.files import hash_file
from ifd_zoo.hub.golden import ATOL
from ifd_zoo.hub.kinds import read_release
from ifd_zoo.parsing.base import ParserError
from ifd_zoo.releases.files import CARD, CONFIG, GOLDEN, RELEASE_FILES, WEIGHTS, LoadError, ReleaseError

CARD_FIELDS = ('library_name', 'tags', 'pipeline_tag', 'license')


def check_release(folder: str | Path) -> str:
    """Check every file against its SHA-256, the model card, and the network against the golden tensors.

    A model is loaded both by ifd_zoo and by timm, a parser by ifd_zoo only. `python -m ifd_zoo.hub check` does this in
    a fresh process, which knows nothing but the folder.

    Returns:
        One line with the largest deviations.

    Raises:
        ReleaseError: a file is missing or differs; the message says which.
        LoadError, ParserError: the network cannot be loaded.
    """
    folder = Path(folder).expanduser()
    missing = [name for name in RELEASE_FILES if not (folder / name).is_file()]
    if missing:
        raise ReleaseError(f'{folder}: no {", ".join(missing)}; `python -m ifd_zoo.hub save` makes a complete release')
    kind, config = read_release(folder)
    hashes = kind.info(config).get('sha256', {})
    for name in (WEIGHTS, GOLDEN):
        if hashes.get(name) != hash_file(folder / name):
            raise ReleaseError(f'{folder / name}: not the file whose SHA-256 is in {CONFIG}')
    _check_card(folder / CARD)
    try:
        deviations = kind.deviations(folder, load_file(folder / GOLDEN))
    except (LoadError, ReleaseError, ParserError):
        raise
    except Exception as error:  # wrong names, types and shapes raise many kinds of errors
        reason = f'{type(error).__name__}: {first_line(error)}'
        raise ReleaseError(f'{folder / GOLDEN}: not the golden tensors of this network ({reason})') from error
    far = [f'{name} by {deviation:.1e}' for name, deviation in deviations.items() if not deviation <= ATOL]
    if far:
        raise ReleaseError(f'{folder}: differs from {GOLDEN}: {", ".join(far)} (allowed: {ATOL:g})')
    return f'{folder}: as released; ' + ', '.join(f'{name} within {value:.1e}' for name, value in deviations.items())


def _check_card(path: Path) -> None:
    try:
        data = ModelCard(path.read_text()).data
    except Exception as error:  # errors of YAML and the Hub; KeyError for an incomplete model index
        raise ReleaseError(f'{path}: its metadata cannot be read ({first_line(error)})') from error
    missing = [name for name in CARD_FIELDS if not getattr(data, name)]
    if missing:
        raise ReleaseError(f'{path}: its metadata lacks {", ".join(missing)}')
