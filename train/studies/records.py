"""Records of finished training runs, compared with the flags of `train/run.py` that should have made them."""

import json
from pathlib import Path
from typing import Any

from ifd_zoo.common.errors import ZooError

LOCAL_FIELDS = ('root', 'output')
IGNORED_FIELDS = ('tag', 'device', 'workers')
"""Fields that do not affect the result."""


class RecordError(ZooError, ValueError):
    """Unusable flags or an unusable finished run; the message names the flag, or the folder and field."""


def parse_flags(tokens: list[str]) -> dict[str, str | bool]:
    """Parse `--epochs 5 --no-test-flip` to {'epochs': '5', 'test_flip': False}; a flag without a value is True.

    Raises:
        RecordError: there is anything but long flags and their values.
    """
    flags: dict[str, str | bool] = {}
    key = None
    for token in tokens:
        if token.startswith('--'):
            name, equals, value = token.removeprefix('--').partition('=')
            negated = name.startswith('no-')
            key = name.removeprefix('no-').replace('-', '_')
            flags[key] = value if equals else not negated
        elif key is None or flags[key] is not True:
            raise RecordError(f'{token!r}: expected --flag or --flag VALUE of train/run.py after --')
        else:
            flags[key] = token
    return flags


def agrees(recorded: Any, flag: Any) -> bool:
    """Return whether a recorded value equals that of a flag, given as text or as a value."""
    if isinstance(recorded, bool) or isinstance(flag, bool):
        return recorded is flag
    if isinstance(recorded, int | float):
        try:
            return float(flag) == recorded
        except ValueError:
            return False
    if isinstance(recorded, list):
        # Lists are given as 0.3,0.7 and sizes as 256x128.
        ways = [[part.strip() for part in str(flag).split(separator)] for separator in (',', 'x')]
        return any(len(parts) == len(recorded) and all(map(agrees, recorded, parts)) for parts in ways)
    # Records keep only the name of a file or folder.
    return recorded in (str(flag), Path(str(flag)).name)


def read_finished(
    folder: Path, settings: dict[str, Any], extra: dict[str, Any], data_folder: str
) -> dict[str, Any] | None:
    """Return the record of a finished run; None if the run has no release yet.

    Args:
        folder: output of the run.
        settings: flags by config field that the record must agree with.
        extra: the same, for fields that a record may lack; those of `IGNORED_FIELDS` are ignored.
        data_folder: name of the data set's folder.

    Returns:
        `name` of the folder, `seed`, `figures`, `data`, and `training` without folders of this machine.

    Raises:
        RecordError: the run was made with other settings, or its record is invalid.
    """
    path = folder / 'release' / 'config.json'
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())['ifd']
        figures, training, data = record['figures'], record['training'], record['data']
        seed, folder_of_data = training['seed'], data['folder']
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordError(f'{path}: not the record of a finished run ({error!r}); remove {folder}') from error
    compared = {key: flag for key, flag in extra.items() if key in training and key not in IGNORED_FIELDS} | settings
    pairs = {key: (training.get(key), flag) for key, flag in compared.items()}
    pairs['data folder'] = (folder_of_data, data_folder)
    for field, (recorded, flag) in pairs.items():
        if not agrees(recorded, flag):
            raise RecordError(
                f'{folder}: finished, but with {field} {recorded!r} and not {flag!r}; give the same flags, use another '
                '--output, or remove that folder'
            )
    training = {key: value for key, value in training.items() if key not in LOCAL_FIELDS}
    return {'name': folder.name, 'seed': seed, 'figures': figures, 'data': data, 'training': training}
