"""Checks of the config.json of a release, and the types of its fields.

`ifd_zoo.hub.model_schema` and `ifd_zoo.releases.parser_schema` have one class per object in it; a new field is one more
line there.
"""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ifd_zoo.images.loading import MAX_SIDE, MIN_SIDE

DEEPEST = 64
"""Most levels of nested objects and lists; a parser has one for each training that it started from."""

WORDS = dict.fromkeys(('model_type', 'dict_type'), 'should be an object') | {'tuple_type': 'should be a list'}
"""Terms of JSON for messages in which pydantic uses those of Python."""

LIST = Field(strict=False)  # JSON has no tuples
Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=100_000)]
Number = Annotated[float, Field(ge=-1e15, le=1e15)]
Count = Annotated[int, Field(ge=0, le=10**15)]
Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE)]
Channels = Annotated[tuple[Number, Number, Number], LIST]
Deviation = Annotated[Number, Field(gt=0)]
Deviations = Annotated[tuple[Deviation, Deviation, Deviation], LIST]
Hashes = dict[str, Annotated[str, Field(pattern='^[0-9a-f]{64}$')]]


class Part(BaseModel):
    """An object in a config.json.

    Only fields that some code reads are declared; others are allowed and kept. Types are strict: a string that looks
    like a number is not a number. A default only means that the field may be missing: a config is checked, not filled
    in.
    """

    model_config = ConfigDict(extra='allow', strict=True, protected_namespaces=())  # there is a field `model_args`


def describe_fault(config: Any, schema: type[Part]) -> str:
    """Say what is wrong with a config that was read from JSON, naming the field; empty if it is valid.

    Args:
        schema: of the whole config.
    """
    if not isinstance(config, dict):
        return 'it is not a JSON object'
    if fault := _odd_values(config):
        return fault
    try:
        schema.model_validate(config)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        missing = [_path(fault['loc']) for fault in faults if fault['type'] == 'missing']
        if missing:
            return f'it lacks {", ".join(missing)}'
        first = faults[0]
        reason = WORDS.get(first['type']) or first['msg'].removeprefix('Input ').removeprefix('Value error, ')
        return f'its {_path(first["loc"])} is {_shown(first["input"])}: {reason}'
    return ''


def _path(location: tuple[str | int, ...]) -> str:
    return _cut('.'.join(map(str, location)), 100)


def _shown(value: Any) -> str:
    return _cut(json.dumps(value), 60)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f'{text[:most]}...'


def _odd_values(config: dict[str, Any]) -> str:
    """Say which value cannot be copied or written again; not recursive, since the nesting may be too deep for that."""
    values: list[tuple[Any, int]] = [(config, 0)]
    while values:
        value, depth = values.pop()
        if depth > DEEPEST:
            return f'it is nested more than {DEEPEST} levels deep'
        if isinstance(value, dict):
            values += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            values += [(part, depth + 1) for part in value]
        elif isinstance(value, str) and not _is_unicode(value):
            return f'{_shown(value)} in it is not valid text: half of a surrogate pair'
    return ''


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
