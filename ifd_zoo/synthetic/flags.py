"""Conversion between settings and command line flags."""

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.plan import Settings, SettingsError

COMMAND = 'python -m ifd_zoo.synthetic'


def add_option_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each realism option, and `--plain` to turn all off."""
    group = parser.add_argument_group('realism', 'Shares of the images, and strengths, from 0 to 1; see options.py.')
    group.add_argument('--plain', action='store_true', help='turn off all that are not given')
    for field in fields(Options):
        group.add_argument(f'--{_dashed(field.name)}', type=float, help=f'default {field.default}', metavar='SHARE')


def read_options(args: argparse.Namespace) -> Options:
    """Read the realism options from parsed flags; raises SettingsError for an invalid value."""
    options = Options.plain() if args.plain else Options()
    for name in (field.name for field in fields(Options)):
        value = getattr(args, name)
        try:
            options = options if value is None else replace(options, **{name: value})
        except ValueError as error:
            raise SettingsError(f'{flag(name, value)}: {error}') from error
    return options


def flag(name: str, value: Any) -> str:
    """Return a setting as a command line flag: `--seed 0`, `--no-hard`, `--size 256x128`."""
    if isinstance(value, bool):
        return f'--{"" if value else "no-"}{_dashed(name)}'
    if isinstance(value, (list, tuple)):
        value = 'x'.join(map(str, value))
    return f'--{_dashed(name)} {shlex.quote(str(value))}'


def flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten settings to one dict that includes the realism options."""
    return {**{name: value for name, value in settings.items() if name != 'options'}, **settings['options']}


def command(settings: Settings) -> str:
    """Return the command that makes a set: every setting, and the realism options that differ from their defaults."""
    usual, own = asdict(Options()), asdict(settings)
    own['options'] = {name: value for name, value in own['options'].items() if value != usual[name]}
    return ' '.join([COMMAND, *(flag(name, value) for name, value in flatten(own).items()), '--output DIR'])


def _dashed(name: str) -> str:
    return name.replace('_', '-')
