"""The command line of `train/ablation.py`."""

import argparse
import sys
from pathlib import Path

from ifd_zoo.common.cli import ArgumentParser, not_negative, positive
from ifd_zoo.datasets.flags import add_data_flags
from train.studies.records import RecordError, parse_flags
from train.studies.rows import DEFAULTS, STUDIES, rate

RESERVED_FLAGS = ('recipe', 'data', 'root', 'output', 'seed', 'resume', 'extend', 'variant', *DEFAULTS)
"""Flags of `train/run.py` that the user cannot pass on."""


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the flags; `rows` maps each study to its rows, `extra` is what follows `--`. Exits with 2 on an error."""
    parser = ArgumentParser(
        'train/ablation.py',
        description='Run ablation studies over several seeds.',
        epilog='Arguments after -- are passed to every train/run.py.',
    )
    add_data_flags(parser)
    parser.add_argument('--output', required=True, type=Path, help='folder for the runs, tables and charts')
    parser.add_argument('--seeds', type=not_negative, nargs='+', default=[0, 1, 2], help='train each row once per seed')
    parser.add_argument('--study', nargs='+', choices=STUDIES, default=['components'], help='one or more studies')
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='only these rows of the studies (default: all)')
    parser.add_argument('--rates', type=rate, nargs='+', default=[], metavar='ROW=RATE', help='learning rates of rows')
    parser.add_argument('--search', type=positive, metavar='PEOPLE', help='choose rates on this many held-out people')
    parser.add_argument('--search-epochs', type=positive, help='epochs of the search runs (default: as in the study)')
    parser.add_argument('--recipe', default='ablation', help='recipe of all runs, see train/recipes.py')
    parser.add_argument('--jobs', type=positive, default=1, help='runs in parallel; they share the cores')
    argv = sys.argv[1:] if argv is None else argv
    split = argv.index('--') if '--' in argv else len(argv)
    args = parser.parse_args(argv[:split])
    args.extra = argv[split + 1 :]
    args.seeds, args.rates = list(dict.fromkeys(args.seeds)), dict(args.rates)
    try:
        decided = {*RESERVED_FLAGS, *(('val_pids',) if args.search else ())}
        clash = [name for name in parse_flags(args.extra) if name in decided]
    except RecordError as error:
        parser.error(str(error))
    known = {arm for study in args.study for arm in STUDIES[study]}
    if foreign := sorted({*(args.rows or ())} - known):
        parser.error(f'--rows: {foreign[0]} is not a row of {", ".join(args.study)} ({", ".join(sorted(known))})')
    args.rows = {study: _rows_of(study, args.rows) for study in args.study}
    if empty := [study for study, rows in args.rows.items() if not rows]:
        parser.error(f'--rows: none of them is a row of {empty[0]}')
    if foreign := sorted(args.rates.keys() - {arm for rows in args.rows.values() for arm in rows}):
        parser.error(f'--rates: {foreign[0]} is not a row of {", ".join(args.study)}')
    if clash:
        flag = clash[0].replace('_', '-')
        parser.error(f'--{flag} after --: set by the study or by a flag of this program; remove it there')
    return args


def _rows_of(study: str, chosen: list[str] | None) -> dict[str, str]:
    return {arm: label for arm, label in STUDIES[study].items() if chosen is None or arm in chosen}
