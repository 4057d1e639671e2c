"""Conversion between the command line and the config of a run."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ifd_zoo.common.cli import ArgumentParser, with_default
from train.config import CHOICES, Config, ConfigError, portable
from train.recipes import preset


def parse_args(argv: list[str] | None) -> tuple[Config, str]:
    """Return the config, and `resume`, `extend` or '' for a new run. Exits with status 2 on an invalid value."""
    about = 'Train a model of the IFD zoo. Defaults are those of --recipe paper; other recipes change some of them.'
    parser = ArgumentParser('train/run.py', description=about)
    parser.add_argument('--resume', action='store_true', help='resume from the last checkpoint in --output, if any')
    parser.add_argument('--extend', action='store_true', help='resume from it with more --epochs than the run had')
    for field in dataclasses.fields(Config):
        add_field(parser, field)
    given = vars(parser.parse_args(argv))
    ways = {name: given.pop(name) for name in ('extend', 'resume')}
    if given.get('init'):  # overrides the backbone weights of the recipe, but not those of a flag
        given.setdefault('backbone_weights', 'none')
    fields = preset(given.get('recipe'), given.get('variant')) | given
    try:
        return Config(**fields), next(filter(ways.get, ways), '')
    except ConfigError as error:
        parser.error(str(error))


def to_flags(config: Config) -> list[str]:
    """Return the command line that reproduces this config, with DIR for folders of this machine."""
    flags = ['--root', 'DIR', '--output', 'DIR']
    fields = preset(config.recipe, config.variant)
    for field in dataclasses.fields(Config):
        value, flag = portable(config, field), '--' + field.name.replace('_', '-')
        if field.metadata['here'] or value == fields.get(field.name, field.default):
            continue
        if isinstance(value, bool):
            flags.append(flag if value else flag.replace('--', '--no-', 1))
        else:
            flags += [flag, format_value(field.name, value)]
    return flags


def format_value(name: str, value: Any) -> str:
    """Return a value as on the command line; '' for one that can be left out."""
    if value is None or value is False or value == Path():
        return ''
    return ('x' if name == 'size' else ',').join(map(str, value)) if isinstance(value, tuple) else str(value)


def add_field(parser: ArgumentParser, field: dataclasses.Field) -> None:
    """Declare the flag of a field made by `train.config.option`; flags that are not given are left to the dataclass."""
    flag, default = '--' + field.name.replace('_', '-'), field.default
    required = default is dataclasses.MISSING
    text = field.metadata['help']
    if not required:
        text = with_default(text, format_value(field.name, default))
    how: dict[str, Any] = {'default': argparse.SUPPRESS, 'required': required, 'help': text}
    if isinstance(default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **how)
        return
    is_path = required or default is None or isinstance(default, Path)
    convert = field.metadata['parse'] or (Path if is_path else type(default))
    parser.add_argument(flag, type=convert, choices=CHOICES.get(field.name), **how)
