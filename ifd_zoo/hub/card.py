"""The model card of a release: metadata for the Hub, and text for readers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ifd_zoo.common.tables import markdown_table
from ifd_zoo.common.variants import VARIANTS, Variant, split_name
from ifd_zoo.datasets import DATASETS
from ifd_zoo.hub.comparison import comparison_tables
from ifd_zoo.hub.release import release_name
from ifd_zoo.models.cfg import PAPER
from ifd_zoo.models.features import recorded_feature
from ifd_zoo.models.inference import keeps_answer
from ifd_zoo.models.zoo import network_class

TASK = 'image-feature-extraction'
METRICS = {'rank1': 'rank-1', 'mAP': 'mAP'}


def model_card(config: dict[str, Any]) -> str:
    """Return the text of README.md.

    Args:
        config: of the release; the card says which parts it does not record.
    """
    info, name = config.get('ifd', {}), release_name(config)
    variant, shows = _variant(config), network_class(config['architecture']).gives_attention
    card = ModelCard.from_template(
        card_data(config),
        str(Path(__file__).with_name('cards') / 'model.md.jinja'),
        name=name,
        paper=PAPER['paper_name'],
        url=PAPER['origin_url'],
        num_features=config['num_features'] * len(recorded_feature(info)) if 'num_features' in config else 'D',
        feature=_feature_text(info),
        attention='' if not shows else ', and an attention map says where the network looked',
        input_text=_input_text(config, info.get('training', {}), variant),
        training=_training_text(info),
        figures=_figures_table(info),
        comparison=_comparison_text(info.get('comparison')),
        precisions=_precisions_text(info.get('precisions', {})),
        limits=_limits(info),
        method=f' The method is {variant.label}, of the paper cited below.' if variant.reference else '',
        citation=variant.reference or f'Xu, Li, Niu, "{PAPER["paper_name"]}", ICASSP 2025, {PAPER["origin_url"]}',
        license=_license_text(config),
    )
    return f'{card}\n'


def _variant(config: dict[str, Any]) -> Variant:
    """Return the variant that was trained; if it is unknown or not recorded, the variant of the architecture."""
    trained = VARIANTS.get(config.get('ifd', {}).get('training', {}).get('variant'))
    return trained or VARIANTS[split_name(config['architecture'])[0]]


def _feature_text(info: dict[str, Any]) -> str:
    """Describe the parts of the embedding; empty if the release does not record them."""
    if 'feature' not in info:
        return ''
    parts = ', '.join(f'{name} x {weight:g}' for name, weight in recorded_feature(info).items())
    alone = 'the network alone gives its parts (`ifd_zoo.models.features`)'
    return f'\nTest feature: {parts}; `Predictor` makes it, and {alone}.'


def card_data(config: dict[str, Any]) -> ModelCardData:
    """Return the metadata: library, tags, pipeline, licence, data set, and the figures as a model index."""
    info = config.get('ifd', {})
    data = _data_id(info.get('data', {}))
    license = config['pretrained_cfg'].get('license')
    terms = {} if license else {'license_name': 'terms-of-the-training-data', 'license_link': 'README.md'}
    results = list(_eval_results(info))
    return ModelCardData(
        library_name='ifd_zoo',
        pipeline_tag=TASK,
        tags=['timm', 'person-re-identification', 'clothing-change', 'image-retrieval', 'arxiv:2501.05851'],
        license=license or 'other',
        datasets=[data] if data else None,
        metrics=sorted(METRICS.values()) if results else None,
        model_name=release_name(config),
        eval_results=results or None,
        **terms,
    )


def _eval_results(info: dict[str, Any]) -> Iterable[EvalResult]:
    data = info.get('data', {})
    for row in info.get('figures', []):
        for key, name in METRICS.items():
            yield EvalResult(
                task_type=TASK,
                task_name='Clothing-change person re-identification',
                dataset_type=_data_id(data) or 'unknown',
                dataset_name=_data_name(data),
                dataset_config=row['protocol'],
                dataset_split='test',
                metric_type=name,
                metric_name=f'{name} ({row["protocol"]}), percent',
                metric_value=round(row[key], 2),
            )


def _data_id(data: dict[str, Any]) -> str | None:
    name = data.get('name')
    return data.get('folder', name) if name == 'folder' else name


def _data_name(data: dict[str, Any]) -> str:
    name = data.get('name', 'unknown')
    title = DATASETS[name].title if name in DATASETS else ''
    return title or data.get('folder') or name


def _input_text(config: dict[str, Any], training: dict[str, Any], variant: Variant) -> str:
    height, width = config['pretrained_cfg']['input_size'][1:]
    lines = [f'RGB, resized to {height}x{width} (height x width), normalised by the mean and deviation in config.json.']
    if not variant.sees_masks:
        return f'{lines[0]} One stream; it needs no clothing mask.'
    erased = ', '.join(training.get('mask_classes', [])) or 'not recorded'
    seeing = 'It' if variant.masked else 'The attention stream'
    lines.append(f'{seeing} sees the image with these classes erased ({training.get("fill", "black")}): ')
    masks = training.get('masks', 'not recorded')
    lines.append(f'{erased}.\nLabel maps in training: {masks}; `Predictor` makes them with its own parser.')
    return '\n'.join(lines[:2]) + lines[2]


def _training_text(info: dict[str, Any]) -> str:
    data, training = info.get('data', {}), info.get('training', {})
    rows = {
        'command': f'`{info["command"]}`' if 'command' in info else None,
        'data': _data_name(data) if data else None,
        'training images, people': _join(data.get('train_images'), data.get('train_pids')),
        'recipe': training.get('recipe'),
        'seed': training.get('seed'),
        'code revision': info.get('code_revision'),
        'torch': training.get('torch'),
        'weights stored as': info.get('precision'),
    }
    history = training.get('history', {})
    if init := history.get('init'):
        rows['started from'] = f'{init["name"]} (SHA-256 {init["sha256"][:12]}...), `{init["command"]}`'
    if teacher := history.get('teacher'):
        rows['teacher'] = f'{teacher["name"]} (SHA-256 {teacher["sha256"][:12]}...)'
    if earlier := history.get('extended_from'):
        rows['extended'] = f'from {", ".join(map(str, earlier))} to {training["epochs"]} epochs'
    return '\n'.join(f'- {name}: {"not recorded" if value is None else value}' for name, value in rows.items())


def _join(*values: object) -> str | None:
    return None if None in values else ', '.join(map(str, values))


def _figures_table(info: dict[str, Any]) -> str:
    figures = info.get('figures', [])
    if 'feature' in info and 'figures' not in info:
        return 'Not yet with this test feature; `eval/run.py --record` does it.'
    if not figures:
        return 'Nothing: the data of this run have no query and gallery.'
    keys = {'rank1': 'rank-1', 'rank5': 'rank-5', 'mAP': 'mAP', 'mINP': 'mINP'}
    rows = [['protocol', 'queries', 'gallery', *keys.values()]]
    for row in figures:
        percent = [f'{row[key]:.1f}' if key in row else '-' for key in keys]
        rows.append([row['protocol'], row.get('valid_queries', row['queries']), row['gallery'], *percent])
    return f'{markdown_table(rows)}\n\nPercent, single query, cosine of image plus mirror image, no re-ranking.'


def _comparison_text(report: dict[str, Any] | None) -> str:
    """Tabulate the tests recorded by `eval/compare.py --record`, with other models; empty if there are none."""
    if not report:
        return ''
    return (
        f'On every test of {report["data"]}, rank-1 / mAP in percent, embeddings in {report["precision"]}; with '
        'several seeds,\nmean ± sample standard deviation of their trainings. Modes: clothes have changed (cc), have '
        'not (sc), both (general).\nMasks: exact (`label-maps`), by the parser of that name, none needed (-). '
        'The parser finds a few other pixels on\nanother kind of processor, which may change the answer to a query or '
        'two.\n\n'
        f'{comparison_tables(report)}\n\n'
    )


def _precisions_text(checks: dict[str, dict[str, Any]]) -> str:
    """Describe how far 16-bit embeddings are from float32, and which precisions are used."""
    if not checks:
        return 'Not checked in 16 bits: `--precision auto` computes in float32.'
    lines = (
        f'- {name}: cosine to float32 at least {check["min_cosine"]:.5f} over {check["images"]} images, rank-1 '
        f'{check["rank1_change"]:+.2f} points\n  over {check["queries"]} queries of {check["data"]}; '
        f'{"used by" if keeps_answer(check) else "too far off for"} `--precision auto`'
        for name, check in checks.items()
    )
    return '16 bits in place of float32, where the processor has them:\n\n' + '\n'.join(lines)


def _limits(info: dict[str, Any]) -> str:
    if info.get('data', {}).get('name') == 'folder':
        return (
            'Trained on the folder of pictures named above, not on a public benchmark. The bundled runs of the zoo '
            'know rendered\npeople, and street photos through the parser whose encoder they start from; `photos` took '
            'each photo for a person of\nits own, too. None was measured on photographs of one person in two outfits.'
        )
    return 'Trained and measured on the data set named above only; expect less on other cameras, clothes and people.'


def _license_text(config: dict[str, Any]) -> str:
    license = config['pretrained_cfg'].get('license')
    return f'Weights: {license}.' if license else 'Weights: the terms of the training data apply; ask its authors.'
