"""Metrics of a model on a data set, as data and as tables."""

from collections.abc import Iterable

import numpy as np
from torch import nn

from eval.embeddings.loop import extract
from eval.metrics import Scores, evaluate_blocks, evaluate_embeddings, labels_of
from eval.rerank import Reranking, rerank
from ifd_zoo.common.tables import markdown_table
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.hub.comparison import format_spread
from ifd_zoo.parsing.coverage import coverage_text
from ifd_zoo.transforms import EvalTransform

FIGURES = {'rank1': 'rank-1', 'rank5': 'rank-5', 'rank10': 'rank-10', 'mAP': 'mAP', 'mINP': 'mINP'}


def evaluate_protocols(
    model: nn.Module,
    protocols: tuple[Protocol, ...],
    transform: EvalTransform,
    batch_size: int = 64,
    workers: int = 0,
    flip: bool = True,
) -> list[dict]:
    """Embed the images of the protocols, each once, and return the rows of `measure`."""
    if not protocols:
        return []
    records = distinct_records(protocols)
    return measure(protocols, records, extract(model, records, transform, batch_size, workers, flip))


def distinct_records(protocols: Iterable[Protocol]) -> tuple[Record, ...]:
    """Return all query and gallery images, each once, sorted by path."""
    return tuple(sorted({r for p in protocols for r in p.query + p.gallery}, key=lambda r: r.path))


def measure(
    protocols: Iterable[Protocol],
    records: tuple[Record, ...],
    embeddings: np.ndarray,
    reranking: Reranking | None = None,
) -> list[dict]:
    """Compute the metrics of each protocol: one row per protocol name, in the order of the protocols.

    Args:
        records: the images of the protocols, each once.
        embeddings: (N, D), unit length, in the order of the records.
        reranking: options for re-ranking; None to rank by similarity.

    Returns:
        Rows of `protocol`, `mode`, `queries`, `gallery` (images), `valid_queries`, and `rank1`, `rank5`, `rank10`,
        `mAP` and `mINP` in percent, None without a valid query. Protocols that share a name are repeated draws: their
        row has the mean of each metric, the minimum of each count, and also `trials` and `std` (metric to sample
        standard deviation, n - 1).
    """
    position = {record: index for index, record in enumerate(records)}
    trials: dict[str, list[dict]] = {}
    for protocol in protocols:
        query, gallery = (embeddings[[position[r] for r in side]] for side in (protocol.query, protocol.gallery))
        figures = _scores(query, gallery, protocol, reranking).figures()
        sizes = {'queries': len(protocol.query), 'gallery': len(protocol.gallery)}
        trials.setdefault(protocol.name, []).append({'mode': protocol.mode, **sizes, **figures})
    return [{'protocol': name, **_join(rows)} for name, rows in trials.items()]


def _scores(query: np.ndarray, gallery: np.ndarray, protocol: Protocol, reranking: Reranking | None) -> Scores:
    labels = labels_of(protocol.query), labels_of(protocol.gallery)
    if reranking is None:
        return evaluate_embeddings(query, gallery, *labels, protocol.mode)
    return evaluate_blocks(rerank(query, gallery, reranking), *labels, protocol.mode)


def _join(trials: list[dict]) -> dict:
    """Merge the rows of repeated draws into one."""
    figures = np.array([[trial[name] for name in FIGURES] for trial in trials])  # (trials, figures)
    row = {
        'mode': trials[0]['mode'],
        **{name: min(trial[name] for trial in trials) for name in ('queries', 'gallery', 'valid_queries')},
        **_json_values(figures.mean(0)),
    }
    return row if len(trials) == 1 else {**row, 'trials': len(trials), 'std': _json_values(figures.std(0, ddof=1))}


def _json_values(figures: np.ndarray) -> dict[str, float | None]:
    """Return the metrics by name, with None for nan, which JSON lacks."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(FIGURES, figures, strict=True)}


def figure_lines(rows: list[dict], missing: str = '-') -> list[list[str]]:
    """Return table cells, header first: metrics in percent, repeated draws as mean ± sample standard deviation."""
    lines = [['protocol', 'mode', 'valid queries', 'gallery', *FIGURES.values()]]
    for row in rows:
        std = row.get('std', {})
        name = f'{row["protocol"]} ({row["trials"]} trials)' if std else row['protocol']
        figures = [_cell(row[figure], std.get(figure), missing) for figure in FIGURES]
        sizes = [f'{row["valid_queries"]} / {row["queries"]}', str(row['gallery'])]
        lines.append([name, row['mode'], *sizes, *figures])
    return lines


def paper_lines(paper: dict, missing: str = '-') -> list[list[str]]:
    """Return the result of `eval.reports.paper.reference` as table cells, header first."""
    lines = [['method', 'modality', *(f'{mode} {name}' for mode in paper['modes'] for name in ('rank-1', 'mAP'))]]
    for row in paper['rows']:
        figures = [row['figures'][mode][name] for mode in paper['modes'] for name in ('rank1', 'mAP')]
        lines.append([row['method'], row['modality'], *(_cell(value, None, missing) for value in figures)])
    return lines


def setting_texts(report: dict) -> dict[str, str]:
    """Describe the setting of a report in words; argument as for `markdown_report`."""
    options = report['rerank']
    return {
        'masks': masks_text(report),
        'test feature': report['feature'],
        'mirror image added': 'yes' if report['flip'] else 'no',
        'precision': report['precision'],
        're-ranking': ', '.join(f'{name} {value}' for name, value in options.items()) if options else 'none',
        'training seed': 'not recorded' if report['seed'] is None else str(report['seed']),
    }


def markdown_report(report: dict) -> str:
    """Format a report as Markdown: setting, metrics, and the paper's metrics for the same data set and modes.

    Args:
        report: `model`, `weights_sha256`, `data`, `masks`, `coverage` (of `count_coverage`; None if the model uses no
            masks), `feature` (its name), `flip`, `precision`, `rerank` (options or None), `seed`, `protocols` (rows of
            `measure`), optional `remarks` (sentences about them) and `paper` (of `eval.reports.paper.reference`).
    """
    options, texts = report['rerank'], setting_texts(report)
    if options:
        texts['re-ranking'] = f'**k-reciprocal** ({texts["re-ranking"]})'
    title = f'`{report["model"]}` (weights {report["weights_sha256"][:12]}) on `{report["data"]}`'
    setting = '; '.join([title, *(f'{name}: {text}' for name, text in texts.items())])
    parts = [setting + '.', markdown_table(figure_lines(report['protocols'])), *report.get('remarks', ())]
    if report['paper']:
        parts += _paper_part(report['paper'], reranked=bool(options))
    return '\n\n'.join(parts)


def masks_text(report: dict) -> str:
    """Describe the source of the masks and, if any were used, how many images the attention stream saw unmasked."""
    coverage = report.get('coverage')
    counts = f' ({coverage_text(coverage)}; seen whole)' if coverage and coverage['images'] else ''
    return report['masks'] + counts


def _paper_part(paper: dict, reranked: bool) -> list[str]:
    text = f'For reference, {paper["source"]}: copied, not measured here.'
    remarks = [text, paper['remark'], 'Its figures are not re-ranked as far as it says; ours are.' if reranked else '']
    return [' '.join(remark for remark in remarks if remark), markdown_table(paper_lines(paper))]


def _cell(value: float | None, std: float | None, missing: str) -> str:
    return missing if value is None else format_spread({'mean': value, 'std': std})
