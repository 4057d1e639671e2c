"""What can be released, models and human parsers, and what is particular to each. A new kind is one more `Kind`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ifd_zoo.hub.card import model_card
from ifd_zoo.hub.files import CONFIG, MODEL_FIELDS, read_config
from ifd_zoo.hub.golden import model_deviations
from ifd_zoo.hub.parser_card import parser_card, parser_name
from ifd_zoo.hub.parsers import parser_deviations
from ifd_zoo.hub.release import release_name
from ifd_zoo.parsing.parser import FIELDS

Config = dict[str, Any]


class Kind(NamedTuple):
    fields: tuple[str, ...]
    """Of its config.json."""
    name: Callable[[Config], str]
    """What it is called, and its repository by default."""
    info: Callable[[Config], Config]
    """The part of config.json that holds `sha256`."""
    card: Callable[[Config], str]
    """The text of README.md."""
    deviations: Callable[[Path, dict[str, Tensor]], dict[str, float]]
    """How far the network in a folder is from its golden tensors, which of them by how much."""


MODEL = Kind(MODEL_FIELDS, release_name, lambda config: config.get('ifd', {}), model_card, model_deviations)
PARSER = Kind(FIELDS, parser_name, lambda config: config, parser_card, parser_deviations)


def read_release(folder: str | Path) -> tuple[Kind, Config]:
    """What a release folder holds, and its config.json.

    Raises:
        LoadError: config.json is missing or damaged.
    """
    path = Path(folder).expanduser() / CONFIG
    config = read_config(path, ())
    kind = PARSER if 'labels' in config and 'architecture' not in config else MODEL
    return kind, read_config(path, kind.fields)
