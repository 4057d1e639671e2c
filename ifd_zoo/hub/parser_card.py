"""The model card of a released human parser: metadata for the Hub, and text for readers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ifd_zoo.common.tables import markdown_table
from ifd_zoo.labels import CLOTHING
from ifd_zoo.parsing.base import MAX_CHANGED_SHARE

TASK = 'image-segmentation'
SOURCES = {'rendered': 'rendered people', 'photos': 'photos in the layout of Clothing Co-Parsing'}
FIGURES = {'clothing': 'clothing IoU', 'skin': 'skin IoU', 'miou': 'mean IoU'}


def parser_name(config: dict[str, Any]) -> str:
    """Return `parser_backbone` of a release's config, with `.tag` if it records one."""
    return '.'.join(filter(None, (f'parser_{config["backbone"]}', config.get('tag'))))


def parser_card(config: dict[str, Any]) -> str:
    """Return the text of README.md.

    Args:
        config: of the release; the card says which parts it does not record.
    """
    height, width = config['size']
    license = config.get('license')
    card = ModelCard.from_template(
        card_data(config),
        str(Path(__file__).with_name('cards') / 'parser.md.jinja'),
        name=parser_name(config),
        labels=', '.join(f'{index} {name}' for index, name in enumerate(config['labels'])) + '.',
        clothing=', '.join(CLOTHING),
        height=height,
        width=width,
        precision=_precision_text(config),
        training=_training_text(config),
        figures=_figures_text(config.get('figures', {})),
        limits=config.get('limits', 'Expects one person in the picture, as in the pictures that it was trained on.'),
        license=f'Weights: {license}.' if license else 'Weights: the terms of the training data apply.',
    )
    return f'{card}\n'


def card_data(config: dict[str, Any]) -> ModelCardData:
    """Return the metadata: library, tags, pipeline, licence, and the figures as a model index."""
    results = list(_eval_results(config.get('figures', {})))
    license = config.get('license')
    terms = {} if license else {'license_name': 'terms-of-the-training-data', 'license_link': 'README.md'}
    return ModelCardData(
        library_name='ifd_zoo',
        pipeline_tag=TASK,
        tags=['human-parsing', 'clothing-segmentation', 'semantic-segmentation', 'person-re-identification'],
        license=license or 'other',
        metrics=['mean_iou'] if results else None,
        model_name=parser_name(config),
        eval_results=results or None,
        **terms,
    )


def _eval_results(figures: dict[str, dict]) -> Iterable[EvalResult]:
    for source, row in figures.items():
        for key, name in FIGURES.items():
            if row.get(key) is not None:
                yield EvalResult(
                    task_type=TASK,
                    task_name='Human parsing',
                    dataset_type=source,
                    dataset_name=SOURCES.get(source, source),
                    dataset_split='validation',
                    metric_type='mean_iou' if key == 'miou' else 'iou',
                    metric_name=f'{name}, percent',
                    metric_value=round(100 * row[key], 2),
                )


def _training_text(config: dict[str, Any]) -> str:
    images = config.get('images', {})
    counts = [f'{SOURCES.get(name, name)} ({row["train"]} to train, {row["validation"]} to measure)'
              for name, row in images.items()]  # fmt: skip
    rows = {
        'command': f'`{config["command"]}`' if 'command' in config else None,
        'data': ', '.join(counts) or None,
        'network': _network(config),
        'encoder from': config.get('encoder_weights') or 'random weights',
        'epochs': config.get('epochs'),
        'minutes': config.get('minutes'),
        'seed': config.get('seed'),
        'code revision': config.get('code_revision'),
    }
    lines = [f'- {name}: {"not recorded" if value is None else value}' for name, value in rows.items()]
    origins, origin = [], config.get('init')
    while origin:
        origins.append(f'- started from: `{origin.get("command")}`, {origin.get("epochs")} epochs')
        origin = origin.get('init')
    note = f'\n\n{config["note"]}' if config.get('note') else ''
    return '\n'.join([*lines, *origins]) + note


def _network(config: dict[str, Any]) -> str:
    text = f'`{config["backbone"]}`, decoder of width {config["width"]}'
    return f'{text}, stage of width {config["detail"]} at full resolution' if config.get('detail') else text


def _figures_text(figures: dict[str, dict]) -> str:
    if not figures:
        return 'Nothing.'
    names = [SOURCES.get(source, source) for source in figures]
    labels = list(dict.fromkeys(label for row in figures.values() for label in row.get('classes', {})))
    rows = [(title, [row.get(key) for row in figures.values()]) for key, title in FIGURES.items()]
    rows += [(label, [row.get('classes', {}).get(label) for row in figures.values()]) for label in labels]
    table = markdown_table([['percent', *names], *([title, *map(_percent, values)] for title, values in rows)])
    note = 'Intersection over union (IoU) at the pictures\' own size, on pictures held out of the training.'
    return f'{table}\n\n{note}'


def _precision_text(config: dict[str, Any]) -> str:
    check = config.get('sixteen_bits')
    if check is None:
        return 'Computes in float32: what 16 bits change has not been measured.'
    kept = 'in 16 bits where the device does so natively' if check['most'] <= MAX_CHANGED_SHARE else 'in float32'
    return (
        f'Computes {kept}: bfloat16 gives {100 * check["mean"]:.2f} % of the pixels of {check["pictures"]} pictures '
        f'another class, {100 * check["most"]:.2f} % in the worst.'
    )


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'
