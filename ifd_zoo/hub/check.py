"""Check that a release is complete and that this machine gets out of it what was put into it."""

from pathlib import Path

import timm
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from ifd_zoo.hub.files import CARD, CONFIG, GOLDEN, RELEASE_FILES, WEIGHTS, ReleaseError, hash_file, read_config
from ifd_zoo.hub.golden import ATOL, answer
from ifd_zoo.hub.loading import load_model

CARD_FIELDS = ('library_name', 'tags', 'pipeline_tag', 'license')


def check_release(folder: str | Path) -> str:
    """Every file against its SHA-256, the model card, and the model, loaded by us and by timm, against golden tensors.

    `python -m ifd_zoo.hub check` does this in a process of its own, in which nothing but the folder is known.

    Returns:
        One line with the largest deviations.

    Raises:
        ReleaseError: something is missing or differs; the message says what.
        LoadError: the model cannot be loaded.
    """
    folder = Path(folder).expanduser()
    missing = [name for name in RELEASE_FILES if not (folder / name).is_file()]
    if missing:
        raise ReleaseError(f'{folder}: no {", ".join(missing)}; `python -m ifd_zoo.hub save` makes a whole release')
    hashes = read_config(folder / CONFIG).get('ifd', {}).get('sha256', {})
    for name in (WEIGHTS, GOLDEN):
        if hashes.get(name) != hash_file(folder / name):
            raise ReleaseError(f'{folder / name}: not the file whose SHA-256 is in {CONFIG}')
    _check_card(folder / CARD)
    model = load_model(folder)
    golden = load_file(folder / GOLDEN)
    try:
        found = answer(model, golden)
    except ValueError as error:
        raise ReleaseError(f'{folder / GOLDEN}: {error}') from error
    _require_same_as_timm(model, folder)
    deviations = {name: (value - golden[name]).abs().max().item() for name, value in found.items()}
    far = [f'{name} by {deviation:.1e}' for name, deviation in deviations.items() if not deviation <= ATOL]
    if far:
        raise ReleaseError(f'{folder}: differs from {GOLDEN}: {", ".join(far)} (allowed: {ATOL:g})')
    return f'{folder}: as released; ' + ', '.join(f'{name} within {value:.1e}' for name, value in deviations.items())


def _check_card(path: Path) -> None:
    try:
        data = ModelCard(path.read_text()).data
    except Exception as error:  # YAML's and the Hub's own classes, and KeyError for an incomplete model index
        raise ReleaseError(f'{path}: its metadata cannot be read ({str(error).splitlines()[0]})') from error
    missing = [name for name in CARD_FIELDS if not getattr(data, name)]
    if missing:
        raise ReleaseError(f'{path}: its metadata lacks {", ".join(missing)}')


def _require_same_as_timm(model: torch.nn.Module, folder: Path) -> None:
    theirs = timm.create_model(f'local-dir:{folder}', pretrained=True).state_dict()
    ours = model.state_dict()
    different = [key for key in ours if key not in theirs or not torch.equal(ours[key].cpu(), theirs[key])]
    if different:
        raise ReleaseError(f'{folder}: timm loads other weights than ifd_zoo: {", ".join(different[:3])}')
