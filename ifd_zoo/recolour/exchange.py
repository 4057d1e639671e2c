"""Edits as JSON values and back, for requests and files.

    {"edit": "recolour", "classes": ["upper"], "colour": "#1f3a8a", "pattern": "stripes", "second": "#f2f2ee",
     "scale": 0.05}
    {"edit": "swap", "classes": ["upper"], "others": ["lower"]}

`pattern`, `second` and `scale` may be left out.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from ifd_zoo.recolour.colour import to_hex
from ifd_zoo.recolour.edits import Edit, Recolour, Swap

KINDS = {'recolour': Recolour, 'swap': Swap}
COLOURS = ('colour', 'second')


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """Lists, strings and numbers, for `json.dumps`."""
    (kind,) = [name for name, made in KINDS.items() if type(edit) is made]
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(edit).items()}
    values |= {name: to_hex(values[name]) for name in COLOURS if values.get(name) is not None}
    return {'edit': kind, **values}


def edit_from_json(values: Mapping[str, Any]) -> Edit:
    """The edit that `json.loads` has read.

    Raises:
        ValueError: a key is missing or unknown, or a value is not what `Recolour` or `Swap` takes.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'an edit is an object with the keys of one edit, got {type(values).__name__}')
    kind = values.get('edit')
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f'edit must be one of {", ".join(KINDS)}, got {kind!r}')
    known = fields(KINDS[kind])
    unknown = sorted(map(str, set(values) - {'edit', *(field.name for field in known)}))
    if unknown:
        raise ValueError(f'unknown key {", ".join(unknown)}: {kind} has {", ".join(field.name for field in known)}')
    missing = [field.name for field in known if field.default is MISSING and field.name not in values]
    if missing:
        raise ValueError(f'{kind} needs {", ".join(missing)}')
    return KINDS[kind](**{name: value for name, value in values.items() if name != 'edit'})
