"""Measurement of a model on a data set: embeddings, metrics and report."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from torch import nn

from eval.embeddings.loop import extract
from eval.metrics import evaluate_embeddings, labels_of
from eval.reports.metric_tables import distinct_records, markdown_report, measure
from eval.reports.page import write_html
from eval.reports.paper import reference
from eval.rerank import Reranking
from eval.valid_queries import empty_protocols, reasons_unmeasurable
from ifd_zoo.common.choices import LABEL_MAPS
from ifd_zoo.datasets import DatasetError, Protocol, Record, load_dataset
from ifd_zoo.datasets.base import MODES
from ifd_zoo.hub import LoadError, eval_transform, read_info
from ifd_zoo.hub.release import find_record, update_record
from ifd_zoo.models.features import feature_name
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.models.inference import choose_precision, pick_device, precision
from ifd_zoo.parsing.coverage import count_coverage
from ifd_zoo.parsing.mask_source import MaskSource


class Setting(NamedTuple):
    """Data and options of a measurement, as the command-line flags of the same names."""

    data: str
    root: Path
    masks: str = LABEL_MAPS
    device: str | None = None
    precision: str = 'fp32'
    batch_size: int = 64
    workers: int = 2
    flip: bool = True
    rerank: bool = False
    wrong: float = 0.0
    """Share of the images that get the label map of another image."""

    @classmethod
    def of(cls, args: argparse.Namespace) -> Self:
        """Build the setting from parsed flags; fields without a flag keep their default."""
        return cls(**{name: value for name, value in vars(args).items() if name in cls._fields})


class Measurement(NamedTuple):
    """Result of measuring a model on a data set; `report` holds JSON values only."""

    report: dict
    protocols: tuple[Protocol, ...]
    records: tuple[Record, ...]
    embeddings: np.ndarray


def load_protocols(setting: Setting, masks: MaskSource, maps: Path) -> tuple[Protocol, ...]:
    """Load the protocols of a data set, their records with the label maps of `masks`."""
    root = setting.root.expanduser()
    dataset = load_dataset(setting.data, root)
    if reasons := reasons_unmeasurable(dataset):
        raise DatasetError('\n'.join(reasons))
    records = distinct_records(dataset.protocols)
    masked = with_swapped_maps(masks.apply(records, root, maps), setting.wrong)
    return dataset.with_records(dict(zip(records, masked, strict=True))).protocols


def with_swapped_maps(records: Sequence[Record], share: float, seed: int = 0) -> list[Record]:
    """Exchange the label maps within a random share of the records; their images must have one size.

    Raises:
        DatasetError: a record of this share has no label map.
    """
    chosen = np.random.default_rng(seed).permutation(len(records))[: round(share * len(records))]
    maps = [records[index].label_map for index in chosen]
    if None in maps:
        raise DatasetError(f'--wrong: {records[chosen[maps.index(None)]].path} has no label map')
    result = list(records)
    for index, label_map in zip(chosen, maps[1:] + maps[:1], strict=True):
        result[index] = replace(records[index], label_map=label_map)
    return result


def measure_model(model: nn.Module, setting: Setting, maps: Path | None = None) -> Measurement:
    """Embed the images of a data set and compute the metrics.

    Args:
        model: a model of the zoo, or one with the same interface.
        setting: its precision may be `auto`; the report records the chosen one.
        maps: folder in which a parser's label maps are cached; by default a temporary one.

    Raises:
        EmbeddingError: an embedding is not finite.
    """
    device = pick_device(setting.device)
    model = model.to(device)
    chosen = choose_precision(model, device, setting.precision)
    masks = MaskSource(setting.masks, device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(setting, masks, maps or Path(temporary))
        records = distinct_records(protocols)
        transform = eval_transform(model)
        coverage = None
        if model.needs_mask:
            coverage = count_coverage(records, setting.root.expanduser(), transform.masking.clothing_classes)
        with precision(device, chosen):
            embeddings = extract(model, records, transform, setting.batch_size, setting.workers, setting.flip)
    reranking = Reranking() if setting.rerank else None
    rows = measure(protocols, records, embeddings, reranking)
    report = {
        'model': model_name(model),
        'weights_sha256': hash_weights(model),
        'seed': model.release_info.get('training', {}).get('seed'),
        'data': setting.data,
        'masks': masks.name,
        'coverage': coverage,
        'feature': feature_name(model),
        'flip': setting.flip,
        'precision': chosen,
        'rerank': reranking and reranking._asdict(),
        'protocols': rows,
        'remarks': [*empty_protocols(protocols).values()],
        'paper': reference(setting.data, {row['mode'] for row in rows}),
    }
    return Measurement(report, protocols, records, embeddings)


def write_output(folder: Path, measurement: Measurement) -> None:
    """Write the report as JSON, Markdown and HTML."""
    report = measurement.report
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'figures.json').write_text(json.dumps(report, indent=2, allow_nan=False) + '\n')
    (folder / 'figures.md').write_text(markdown_report(report) + '\n')
    write_html(folder / 'report.html', *measurement)


def find_own_record(args: argparse.Namespace) -> Path:
    """Return the release folder for `--record`.

    Raises:
        LoadError: the release cannot be written to, or its card describes other data.
    """
    folder, own = find_record(args.model), read_info(args.model).get('data', {})
    root = {'folder': args.root.expanduser().resolve().name} if args.data == 'folder' else {}
    these = {'name': args.data, **root}
    if any(own.get(key) != value for key, value in these.items()):
        card, data = describe_data(own), describe_data(these)
        raise LoadError(f'--record: the card of {args.model} describes {card}, but this is {data}')
    return folder


def describe_data(data: dict) -> str:
    return ', '.join(str(data[key]) for key in ('name', 'folder') if key in data) or 'unnamed data'


def record_figures(folder: Path, measurement: Measurement) -> None:
    """Write the metrics into a release and its card, as those of the test split."""
    data = read_info(folder)['data'] | {'split': 'test'}
    update_record(folder, figures=measurement.report['protocols'], data=data)


def count_rank1_hits(embeddings: np.ndarray, records: Sequence[Record]) -> tuple[int, int]:
    """Count rank-1 hits and valid queries over all modes, with every image as a query among all others."""
    labels = labels_of(records)
    hits = queries = 0
    for mode in MODES:
        scores = evaluate_embeddings(embeddings, embeddings, labels, labels, mode)
        hits, queries = hits + int((scores.first_hit == 1).sum()), queries + len(scores.query)
    return hits, queries


def compare_embeddings(exact: np.ndarray, rounded: np.ndarray, records: Sequence[Record]) -> dict[str, float]:
    """Compare the embeddings of a precision to those of float32.

    Args:
        exact, rounded: (N, D) of unit length, in float32 and in the other precision.

    Returns:
        `images`; `queries` over all modes; `mean_cosine` and `min_cosine` between the two embeddings of an image;
        `rank1` in percent over all modes together, and `rank1_change` to float32 in percentage points.
    """
    cosines = (exact.astype(np.float64) * rounded).sum(1)
    before, queries = count_rank1_hits(exact, records)
    after, _ = count_rank1_hits(rounded, records)
    if not queries:
        raise DatasetError('no test image has a right match, so rank-1 cannot be compared')
    return {
        'images': len(records),
        'queries': queries,
        'mean_cosine': round(float(cosines.mean()), 6),
        'min_cosine': round(float(cosines.min()), 6),
        'rank1': round(100 * after / queries, 3),
        'rank1_change': round(100 * (after - before) / queries, 3),
    }


def check_precisions(model: nn.Module, args: argparse.Namespace) -> dict[str, dict]:
    """Compare each requested precision to float32; errors as for `measure_model`."""
    device = pick_device(args.device)
    model = model.to(device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(Setting.of(args), MaskSource(args.masks, device), Path(temporary))
        records, embeddings = distinct_records(protocols), {}
        for name in ('fp32', *args.precisions):
            with precision(device, name):
                embeddings[name] = extract(model, records, eval_transform(model), args.batch_size, args.workers)
    about = {'data': args.root.expanduser().resolve().name if args.data == 'folder' else args.data, 'masks': args.masks}
    exact = embeddings.pop('fp32')
    return {name: about | compare_embeddings(exact, other, records) for name, other in embeddings.items()}
