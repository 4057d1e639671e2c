"""Kinds of releases, models and human parsers, and how they differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ifd_zoo.hub.card import model_card
from ifd_zoo.hub.golden import model_deviations
from ifd_zoo.hub.model_schema import ModelConfig
from ifd_zoo.hub.parser_card import parser_card, parser_name
from ifd_zoo.hub.parsers import parser_deviations
from ifd_zoo.hub.release import release_name
from ifd_zoo.releases.files import CONFIG, check_config, read_json
from ifd_zoo.releases.parser_schema import ParserConfig
from ifd_zoo.releases.schema import Part

Config = dict[str, Any]


class ReleaseType(NamedTuple):
    schema: type[Part]
    """Schema of config.json."""
    name: Callable[[Config], str]
    """Name of the release, by default also of its repository."""
    info: Callable[[Config], Config]
    """The part of config.json that holds `sha256`."""
    card: Callable[[Config], str]
    """The text of README.md."""
    deviations: Callable[[Path, dict[str, Tensor]], dict[str, float]]
    """Deviations of the network in a folder from its golden tensors, by name."""


MODEL = ReleaseType(ModelConfig, release_name, lambda config: config.get('ifd', {}), model_card, model_deviations)
PARSER = ReleaseType(ParserConfig, parser_name, lambda config: config, parser_card, parser_deviations)


def read_release(folder: str | Path) -> tuple[ReleaseType, Config]:
    """Return the kind of a release folder and its config.json.

    Raises:
        LoadError: config.json is missing or damaged.
    """
    path = Path(folder).expanduser() / CONFIG
    config = read_json(path)
    fields = config if isinstance(config, dict) else {}
    kind = PARSER if 'labels' in fields and 'architecture' not in fields else MODEL
    return kind, check_config(config, path, kind.schema)
