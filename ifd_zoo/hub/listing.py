"""Catalogue of all architectures and training runs, with size, figures and where the weights are."""

import functools
import math
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch

from ifd_zoo.hub.model_schema import ModelConfig
from ifd_zoo.hub.names import hub_source, list_bundled, list_cached, list_models, list_tagged, training_command
from ifd_zoo.models.features import recorded_feature
from ifd_zoo.releases.files import CONFIG, PREFIX, read_config


class Size(NamedTuple):
    parameters: int
    """Parameters of all streams, without classifiers."""
    gflops: float
    """10^9 floating-point operations, two per multiply-add, for one image and its masked copy, not mirrored."""
    embedding: int
    """D, length of an embedding; for an architecture, of each part of it."""
    backbone: str
    """timm name."""


class Entry(NamedTuple):
    model: str
    tag: str
    """Name of the training run; empty for an architecture without known runs."""
    input_size: tuple[int, int]
    """(H, W) in pixels."""
    size: Size
    data: str
    """Description of the training data."""
    figures: dict[str, dict[str, float]]
    """Protocol to `rank1` and `mAP` in percent, as measured by the training run; empty if not known here."""
    measured_on: str
    """Folder, or else name, of the data set of these figures; empty if not known here."""
    license: str
    where: str
    """`bundled`, `cached ORG/NAME`, `Hub ORG/NAME` or `not published`."""
    command: str
    """Command that trains these weights."""

    @property
    def name(self) -> str:
        return '.'.join(filter(None, (self.model, self.tag)))


def catalogue(pattern: str = '*') -> list[Entry]:
    """Return all entries whose name matches the pattern, sorted; does not use the network.

    Args:
        pattern: may contain `*` and `?`.

    Raises:
        LoadError: a release on this machine is damaged.
    """
    tagged = list_tagged()
    untagged = [name for name in list_models() if not any(other.startswith(f'{name}.') for other in tagged)]
    cached = list_cached()
    return [_entry(name, cached) for name in sorted([*tagged, *untagged]) if fnmatch(name, pattern)]


def _entry(name: str, cached: list[str]) -> Entry:
    cfg = timm.get_pretrained_cfg(name)
    model, _, tag = name.partition('.')
    where, folder = _place(name, cached)
    info = read_config(folder / CONFIG, ModelConfig).get('ifd', {}) if folder else {}
    figures = {
        row['protocol']: {key: round(row[key], 1) for key in ('rank1', 'mAP')} for row in info.get('figures', [])
    }
    size = measure_size(model, cfg.input_size)
    size = size._replace(embedding=size.embedding * len(recorded_feature(info)))
    license = cfg.license or ('-' if where == 'not published' else 'see its card')
    description, data = cfg.description or '-', info.get('data', {})
    return Entry(
        model, tag, cfg.input_size[1:], size, description, figures, data.get('folder', data.get('name', '')), license,
        where, training_command(name),
    )


def _place(name: str, cached: list[str]) -> tuple[str, Path | None]:
    """Return where the weights are, and the release folder if it is on this machine."""
    if name in list_bundled():
        return 'bundled', Path(timm.get_pretrained_cfg(name).file).parent
    source = hub_source(name)
    if source in cached:
        return f'cached {source.removeprefix(PREFIX)}', cached_folder(source)
    return (f'Hub {source.removeprefix(PREFIX)}', None) if source else ('not published', None)


def cached_folder(source: str) -> Path | None:
    """Return the folder of a repository's last known state in the Hub cache; None if it is not cached."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(source.removeprefix(PREFIX), CONFIG)
    return Path(path).parent if isinstance(path, str) else None


def measure_size(model: str, input_size: Sequence[int]) -> Size:
    """Measure the size of an architecture on the meta device, without allocating weights.

    Args:
        model: name of the architecture.
        input_size: (3, H, W).
    """
    return _count(model, tuple(input_size))


@functools.cache  # all runs of an architecture have the same size
def _count(model: str, input_size: tuple[int, ...]) -> Size:
    from ifd_zoo.models.flops import count_flops  # imported late, to keep importing the zoo fast

    with torch.device('meta'):
        network = timm.create_model(model, num_classes=0).eval()
        images = torch.empty(1, *input_size)
    with torch.no_grad():
        flops = count_flops(lambda: network(images, images))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    backbone = network.main_stream.backbone.name
    return Size(parameters, flops / 1e9, network.num_features, backbone)


HEADS = (
    'model', 'tag', 'backbone', 'input', 'parameters', 'GFLOPs', 'embedding', 'data', 'cc rank-1 / mAP', 'licence',
    'weights',
)


def format_table(entries: list[Entry]) -> str:
    """Format the catalogue as a text table, followed by commands that train what is not published."""
    rows = [HEADS, *map(_cells, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, '  '.join('-' * width for width in widths))
    missing = [entry for entry in entries if entry.where == 'not published']
    if missing:
        lines += ['', 'Not published; to train them:']
        width = max(len(entry.name) for entry in missing)
        lines += [f'  {entry.name:<{width}}  {entry.command}' for entry in missing]
    return '\n'.join(lines)


def _cells(entry: Entry) -> tuple[str, ...]:
    size, (height, width) = entry.size, entry.input_size
    # Prefer clothing change; in PRCC `cc-all`, with the whole of camera A as gallery.
    protocol = next((name for name in ('cc', 'cc-all', 'general') if name in entry.figures), None)
    figures = entry.figures.get(protocol, {'rank1': math.nan, 'mAP': math.nan})
    measured = f'{figures["rank1"]:.1f} / {figures["mAP"]:.1f}' if protocol else '-'
    marked = measured if protocol in (None, 'cc', 'cc-all') else f'{measured} ({protocol})'
    return (
        entry.model, entry.tag or '-', size.backbone, f'{height}x{width}', f'{size.parameters / 1e6:.1f} M',
        f'{size.gflops:.2f}', str(size.embedding), entry.data, marked, entry.license, entry.where,
    )


def to_json(entries: list[Entry]) -> list[dict[str, Any]]:
    """Return the catalogue as JSON values."""
    return [{'name': entry.name, **entry._asdict(), 'size': entry.size._asdict()} for entry in entries]
