"""Comparison of several models on several tests, with stored measurements."""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from tqdm import tqdm

from eval.benchmarks.rows import best_seconds
from eval.embeddings.store import stamp
from eval.measure import Setting, measure_model
from eval.reference_models import ColourHistogram, untrained_twin
from eval.reports.rows import Row
from eval.reports.summary import summarise
from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import replacing
from ifd_zoo.datasets import load_dataset
from ifd_zoo.hub import load_model
from ifd_zoo.hub.comparison import comparison_tables
from ifd_zoo.hub.listing import measure_size
from ifd_zoo.hub.release import find_record, update_record
from ifd_zoo.images.loading import load_image
from ifd_zoo.models.features import feature_name
from ifd_zoo.models.fingerprint import hash_weights
from ifd_zoo.models.inference import choose_precision, pick_device
from ifd_zoo.parsing.mask_source import LABEL_MAPS, MaskSource
from ifd_zoo.predictor import Predictor

TESTS = {'test': '.', 'unseen cameras': 'unseen_cameras', 'look-alikes': 'hard'}
"""Maps each test of a data set by `python -m ifd_zoo.synthetic` to its folder."""

NO_MASKS_NEEDED = '-'

PHOTOS, ROUNDS = 64, 3  # for timing a model


class CompareError(ZooError, ValueError):
    """A row that cannot be measured; the message names it."""


class LoadedRow(NamedTuple):
    label: str
    models: tuple[nn.Module, ...]
    """One for each seed."""


def load_row(row: Row) -> LoadedRow:
    """Load the models of a row.

    Raises:
        CompareError: their test features differ.
        LoadError: a model cannot be loaded.
    """
    models = tuple(load_model(source, row.feature) for source in row.models)
    if len(features := set(map(feature_name, models))) > 1:
        raise CompareError(f'--models {row.label}: their test features differ ({", ".join(sorted(features))})')
    return LoadedRow(row.label, models)


def add_floors(rows: list[LoadedRow]) -> list[LoadedRow]:
    first = rows[0].models[0]
    floors = {'colour histogram': ColourHistogram(first), 'untrained network': untrained_twin(first)}
    return [*rows, *(LoadedRow(label, (model,)) for label, model in floors.items())]


class Task(NamedTuple):
    """One measurement."""

    row: str
    model: nn.Module
    test: str
    masks: str


def list_tasks(rows: list[LoadedRow], tests: list[str], masks: list[str]) -> Iterator[Task]:
    for row in rows:
        for test in tests:
            # Masks change nothing for a model that does not use them.
            for name in masks if row.models[0].needs_mask else [NO_MASKS_NEEDED]:
                yield from (Task(row.label, model, test, name) for model in row.models)


def identify(root: Path, masks: str, device: str | None) -> str:
    """Hash everything but the model that a test's metrics depend on: the images' state and the source of the masks."""
    protocol = load_dataset('folder', root).protocols[0]
    records = [*protocol.query, *protocol.gallery]
    files = [[str(record.path), stamp(record.path), stamp(record.label_map)] for record in records]
    text = json.dumps([files, MaskSource(masks, pick_device(device)).name])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_or_measure(
    args: argparse.Namespace, model: nn.Module, words: tuple[str, ...], measure: Callable
) -> dict[str, Any]:
    """Return the result of `measure`, stored in a file named after the model and `words`; a stored one is reused."""
    words = (model.pretrained_cfg['architecture'], hash_weights(model)[:12], feature_name(model), *words)
    path = args.output / 'measured' / f'{"-".join(word.replace("/", "_") for word in words)}.json'
    if path.is_file():
        return json.loads(path.read_text())
    measured = measure()
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(measured, indent=2, allow_nan=False) + '\n')
    return measured


def measure_task(task: Task, precision: str, args: argparse.Namespace) -> dict[str, Any]:
    """Measure a task and return the report of `eval.measure`."""
    root, masks = _folder_and_masks(task, args)
    setting = Setting('folder', root, masks, args.device, precision, workers=args.workers)
    maps = args.output / 'maps' / task.test / task.masks.replace('/', '_')
    return measure_model(task.model, setting, maps).report


def _folder_and_masks(task: Task, args: argparse.Namespace) -> tuple[Path, str]:
    root = args.root.expanduser().resolve() / TESTS[task.test]
    return root, LABEL_MAPS if task.masks == NO_MASKS_NEEDED else task.masks


def measure_all(tasks: list[Task], args: argparse.Namespace) -> Iterator[tuple[Task, dict[str, Any]]]:
    identity = cache(identify)  # per call, as files may change between calls
    for task in tqdm(tasks, desc='compare', unit=' measurements'):
        precision = choose_precision(task.model, pick_device(args.device), args.precision)
        words = (task.test, task.masks, precision, identity(*_folder_and_masks(task, args), args.device))
        yield task, load_or_measure(args, task.model, words, partial(measure_task, task, precision, args))


def summarise_rows(measured: Sequence[tuple[str, str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Compute mean and standard deviation over the models of each row.

    Args:
        measured: row name, test, masks and report of `eval.measure`, in the order of the tables.

    Returns:
        A dict per row, test and masks, in that order: these three, `seeds`, `weights` (SHA-256) and `figures` (the
        result of `eval.reports.summary.summarise`).
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row, test, masks, report in measured:
        groups.setdefault((row, test, masks), []).append(report)
    return [
        {
            'row': row,
            'test': test,
            'masks': masks,
            'seeds': [report['seed'] for report in reports],
            'weights': [report['weights_sha256'] for report in reports],
            'figures': summarise([{'name': row, 'figures': report['protocols']} for report in reports]),
        }
        for (row, test, masks), reports in groups.items()
    ]


def measure_cost(model: nn.Module, photos: Sequence[Path], device: str | None) -> dict[str, Any]:
    """Measure size and speed of a model.

    Args:
        photos: of one person each; the speed is that of the best of three passes over them.

    Returns:
        `parameters`; `gflops` of one image, without its mirror image; `images_per_second` of `Predictor.embed` as a
        user calls it, including the mirror image, and the bundled parser if the model needs masks; `precision`,
        `device` and, on a CPU, `threads`.
    """
    size = measure_size(model.pretrained_cfg['architecture'], model.pretrained_cfg['input_size'])
    predictor = Predictor(model, device=device)
    images = [load_image(path) for path in photos]

    def embed_anew() -> None:
        predictor.parser.forget()
        predictor.embed(images)

    seconds = best_seconds({'embed': embed_anew}, ROUNDS)['embed']
    return {
        'parameters': size.parameters,
        'gflops': size.gflops,
        'images_per_second': len(images) / seconds,
        'precision': predictor.precision,
        'device': predictor.device.type,
        'threads': torch.get_num_threads() if predictor.device.type == 'cpu' else None,
    }


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Run the missing measurements, and write and return the comparison.

    Raises:
        CompareError: two rows have the same label, the test features of a row differ, or there is no test.
        LoadError: a model cannot be loaded, or its release is to be updated but cannot be written to.
    """
    tests = [name for name, folder in TESTS.items() if (args.root / folder / 'query').is_dir()]
    if not tests:
        raise CompareError(f'{args.root}: no folder query in it; expected a data set in the folder layout')
    trained = list(map(load_row, args.models))
    rows = add_floors(trained)
    if len({row.label for row in rows}) < len(rows):
        raise CompareError('--models: two rows have the same label')
    releases = [find_record(source) for row in args.models for source in row.models] if args.record else []
    tasks = list(list_tasks(rows, tests, args.masks))
    (args.output / 'measured').mkdir(parents=True, exist_ok=True)
    measured = [(task.row, task.test, task.masks, report) for task, report in measure_all(tasks, args)]
    queries = load_dataset('folder', args.root / TESTS[tests[0]]).protocols[0].query
    photos = [record.path for record in queries[:PHOTOS]]
    device = str(pick_device(args.device))
    costs = {}
    for label, (model, *_) in trained:
        costs[label] = load_or_measure(args, model, ('cost', device), partial(measure_cost, model, photos, args.device))
    report = {
        'data': args.root.expanduser().resolve().name,
        'precision': args.precision,
        'tests': tests,
        'masks': args.masks,
        'features': {row.label: feature_name(row.models[0]) for row in rows},
        'rows': summarise_rows(measured),
        'costs': costs,
    }
    (args.output / 'compare.json').write_text(json.dumps(report, indent=2, allow_nan=False) + '\n')
    (args.output / 'compare.md').write_text(comparison_tables(report) + '\n')
    for folder in releases:
        update_record(folder, comparison=report)
    return report
