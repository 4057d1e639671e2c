"""Registry of human parsers. A new one needs a function `(source, device) -> parser` and a line in `PARSERS`."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image

from ifd_zoo.parsing.base import ParserError
from ifd_zoo.parsing.parser import BUNDLED, WEIGHTS, NoParser, load_folder
from ifd_zoo.releases.files import PREFIX, LoadError

LICENCE_VARIABLE = 'IFD_ACCEPT_LICENCE'
"""Environment variable with the names of parsers whose licence the user accepts, separated by commas."""

HUB = PREFIX.removesuffix(':')


class HumanParser(Protocol):
    """Interface of all parsers: images in, label maps out."""

    def parse(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """Return for each image (H, W) uint8 at its own size, values in `range(len(LABELS))`."""

    def identify(self) -> str:
        """Return an id that tells its label maps from those of any other parser."""


class Entry(NamedTuple):
    loader: str
    """`module:function` below `ifd_zoo.parsing`, imported on demand."""
    source: str = 'optional'
    """Whether a path after the name, as in `name:PATH`, is `optional` or `required`."""
    licence: str = ''
    """Terms beyond those of this project, which must be accepted before the parser is loaded."""


PARSERS = {
    'schp_lip': Entry('schp:load_lip'),
    'schp_atr': Entry('schp:load_atr'),
    'segformer_b2_clothes': Entry(
        'segformer:load_segformer',
        licence='NVIDIA Source Code License for SegFormer: non-commercial, research and evaluation only; '
        'https://github.com/NVlabs/SegFormer/blob/master/LICENSE',
    ),
    'labelmap': Entry('labelmap:load_ours', source='required'),
    'labelmap_lip': Entry('labelmap:load_lip', source='required'),
    'labelmap_atr': Entry('labelmap:load_atr', source='required'),
}
"""All parsers except the bundled ones (`BUNDLED`) and `none`."""


def list_parsers() -> list[str]:
    """List the names that `load_parser` knows; it also takes a folder or `hf-hub:org/name`."""
    return [*BUNDLED, 'none', *PARSERS]


def load_parser(
    name_or_dir: str | Path = 'bundled', device: str | torch.device = 'cpu', accept_licence: bool = False
) -> HumanParser:
    """Load a parser.

    Args:
        name_or_dir: a name out of `list_parsers()`; `name:PATH` if the parser takes weights or label maps from disk; or
            a parser of our own: a folder with `config.json` and `model.safetensors`, or a Hub repository with these,
            `hf-hub:org/name` or `hf-hub:org/name@revision`, taken from the cache when there is no network.
        device: device of the network.
        accept_licence: accept the parser's own terms, if it has any; its name in the environment variable
            IFD_ACCEPT_LICENCE does the same.

    Raises:
        ParserError: neither a known name nor a folder; required files are missing, cannot be fetched or do not fit; or
            its terms have not been accepted.
    """
    name, source = split_name(name_or_dir)
    if name in BUNDLED or name == 'none':
        if source:
            raise ParserError(f'{name_or_dir}: the parser {name!r} takes no path')
        return load_folder(WEIGHTS / BUNDLED[name], device) if name in BUNDLED else NoParser()
    if name in PARSERS:
        entry = PARSERS[name]
        if entry.source == 'required' and not source:
            raise ParserError(f'{name}: give a folder, as in {name}:DIR')
        _check_licence(name, entry, accept_licence)
        module, _, function = entry.loader.partition(':')
        return getattr(import_module(f'ifd_zoo.parsing.{module}'), function)(source, device)
    folder = _fetch(str(name_or_dir)) if name == HUB else Path(name_or_dir).expanduser()
    if not folder.is_dir():
        raise ParserError(
            f'unknown parser {str(name_or_dir)!r}: expected {", ".join(list_parsers())}, a folder, or hf-hub:org/name'
        )
    return load_folder(folder, device)


def split_name(name_or_dir: str | Path) -> tuple[str, str]:
    """Split `name:PATH` or `hf-hub:org/name` at the colon; anything else is a path, with an empty name."""
    name, _, source = str(name_or_dir).partition(':')
    return (name, source) if name in (HUB, *list_parsers()) else ('', str(name_or_dir))


def portable_name(name_or_dir: str | Path) -> str:
    """Return the name of a parser for reports, without the folders of this machine."""
    name, source = split_name(name_or_dir)
    if name == HUB:
        return str(name_or_dir)
    return ':'.join(part for part in (name, Path(source).name) if part)


def _fetch(source: str) -> Path:
    from ifd_zoo.releases.remote import fetch  # only needed for the Hub

    try:
        return fetch(source)
    except LoadError as error:
        raise ParserError(str(error)) from error


def _check_licence(name: str, entry: Entry, accepted: bool) -> None:
    named = [part.strip() for part in os.environ.get(LICENCE_VARIABLE, '').split(',')]
    if entry.licence and not accepted and name not in named:
        raise ParserError(
            f'{name} has terms of its own: {entry.licence}. If you accept them, set {LICENCE_VARIABLE}={name}, or pass '
            'accept_licence=True to load_parser, or --accept-licence to a command that has it'
        )
