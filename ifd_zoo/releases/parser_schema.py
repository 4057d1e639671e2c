"""Schema of the config.json of a zoo parser."""

from typing import Annotated

from pydantic import Field

from ifd_zoo.releases.schema import LIST, Channels, Count, Deviations, Hashes, Name, Number, Part, Side, Text

MOST_CHANNELS = 1024
"""Most channels of the decoder; a config with more is broken."""


class SixteenBits(Part):
    pictures: Count
    mean: Number
    most: Number


class Split(Part):
    train: Count
    validation: Count


class ParserFigures(Part):
    miou: Number | None = None
    clothing: Number | None = None
    skin: Number | None = None
    classes: dict[str, Number | None] = {}


class Origin(Part):
    """Record of a training; `init` is the training that it started from."""

    command: Text | None = None
    epochs: Count | None = None
    init: 'Origin | None' = None


class ParserConfig(Origin):
    """The config.json of a zoo parser."""

    backbone: Name
    width: Annotated[int, Field(ge=4, le=MOST_CHANNELS)]
    size: Annotated[tuple[Side, Side], LIST]
    labels: list[Name]
    detail: Annotated[int, Field(ge=0, le=MOST_CHANNELS)] = 0
    mean: Channels | None = None
    std: Deviations | None = None
    sha256: Hashes = {}
    sixteen_bits: SixteenBits | None = None
    figures: dict[str, ParserFigures] = {}
    images: dict[str, Split] = {}
    tag: Name | None = None
    license: Name | None = None
    limits: Text | None = None
    note: Text | None = None
