"""From the command line to the config of a run, and back."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ifd_zoo.cli import ArgumentParser, with_default
from train.choices import CHOICES
from train.config import Config, ConfigError, portable
from train.recipes import RECIPES


def parse_args(argv: list[str] | None) -> tuple[Config, str]:
    """The run's config, and `resume`, `extend` or '' for a new run. Exits with status 2 when a value is impossible."""
    about = 'Train a model of the IFD zoo. Defaults are those of --recipe paper; other recipes change some of them.'
    parser = ArgumentParser('train/run.py', description=about)
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint in --output, if any')
    parser.add_argument('--extend', action='store_true', help='go on from it with more --epochs than the run had')
    for field in dataclasses.fields(Config):
        _add_argument(parser, field)
    given = vars(parser.parse_args(argv))
    ways = {name: given.pop(name) for name in ('extend', 'resume')}
    if given.get('init'):  # the weights of the recipe give way to it, those of a flag do not
        given.setdefault('backbone_weights', 'none')
    try:
        return Config(**{**RECIPES.get(given.get('recipe'), {}), **given}), next(filter(ways.get, ways), '')
    except ConfigError as error:
        parser.error(str(error))


def to_flags(config: Config) -> list[str]:
    """The command line that gives this config again; folders, which belong to one machine, as DIR."""
    flags = ['--root', 'DIR', '--output', 'DIR']
    recipe = RECIPES[config.recipe]
    for field in dataclasses.fields(Config):
        value, flag = portable(config, field), '--' + field.name.replace('_', '-')
        if field.metadata['here'] or value == recipe.get(field.name, field.default):
            continue
        if isinstance(value, bool):
            flags.append(flag if value else flag.replace('--', '--no-', 1))
        else:
            flags += [flag, _written(field.name, value)]
    return flags


def _written(name: str, value: Any) -> str:
    """A value as on the command line."""
    return ('x' if name == 'size' else ',').join(map(str, value)) if isinstance(value, tuple) else str(value)


def _add_argument(parser: ArgumentParser, field: dataclasses.Field) -> None:
    flag, default = '--' + field.name.replace('_', '-'), field.default
    text = with_default(field.metadata['help'], default and _written(field.name, default))
    if isinstance(field.default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        return
    convert = field.metadata['parse'] or (Path if field.default is None else type(field.default))
    if isinstance(field.default, Path):
        convert = Path
    parser.add_argument(flag, type=convert, default=argparse.SUPPRESS, help=text, choices=CHOICES.get(field.name))
