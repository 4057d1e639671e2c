"""Report of an ablation study from its finished runs: figures over the seeds, and the table that shows them."""

import json
from collections.abc import Set
from pathlib import Path
from typing import Any

from eval.reports.paper import TABLE_I, TABLE_I_COLUMNS, TABLE_I_SOURCE
from eval.reports.summary import SummaryError, first_by_mode, summarise
from ifd_zoo.common.tables import markdown_table
from train.recipes import SETTING, SOURCE, VARIANTS
from train.studies.chart import draw_chart
from train.studies.pairs import pairs_block
from train.studies.rate_search import search_block
from train.studies.records import IGNORED_FIELDS

STUDIED = ('variant', 'sampler', 'T', 'masks', 'epochs', 'ccl_unit_mean')
FREE = frozenset((*STUDIED, 'seed', 'seconds', 'torch', *IGNORED_FIELDS))
"""Fields that may differ between the runs of a study: those that are studied, and those that do not affect results."""


def shared_training(runs: list[dict[str, Any]], free: Set[str] = FREE) -> dict[str, Any]:
    """Return the training config that all runs have in common, if they can be compared.

    Args:
        runs: each with `name`, `training`, `data` and `figures`.
        free: config fields that may differ.

    Raises:
        SummaryError: another field of the training config differs, or the data, or what was measured.
    """
    reference = _comparable(runs[0], free)
    for run in runs[1:]:
        now = _comparable(run, free)
        for key in sorted(reference.keys() | now.keys()):
            if reference.get(key) != now.get(key):
                raise SummaryError(
                    f'{run["name"]}: {key} is {now.get(key)!r}, but {reference.get(key)!r} in {runs[0]["name"]}; all '
                    'runs need the same flags and data: use another --output, or remove the run that does not belong'
                )
    return {key: value for key, value in runs[0]['training'].items() if key not in free}


def _comparable(run: dict[str, Any], free: Set[str]) -> dict[str, Any]:
    return {
        **{key: value for key, value in run['training'].items() if key not in free},
        # The coverage of masks is counted only for rows that use them.
        **{f'data {key}': value for key, value in run['data'].items() if key != 'masks'},
        'valid queries': {mode: row['valid_queries'] for mode, row in first_by_mode(run).items()},
        'gallery images': {mode: row['gallery'] for mode, row in first_by_mode(run).items()},
    }


PAPERS = {
    'components': f'{SOURCE} ({SETTING}): copied, not measured here',
    'methods': f'{TABLE_I_SOURCE}: copied, not measured here; the code of CAL reports the epoch that tests best',
}
"""Source of the paper's figures, for the studies that show them."""


def _paper(study: str, name: str, label: str) -> dict[str, dict[str, float]]:
    """Return the paper's figures of a row, by data set and mode."""
    if study == 'components':
        return VARIANTS[name].paper if name in VARIANTS else {}
    columns = {'PRCC cc': ('prcc', 'cc'), 'LTCC cc': ('ltcc', 'cc')}
    row = next((figures for (method, _), figures in TABLE_I.items() if method == label), None)
    cells = {title: row[TABLE_I_COLUMNS.index(column)] for title, column in columns.items()} if row else {}
    return {title: dict(zip(('rank1', 'mAP'), cell, strict=True)) for title, cell in cells.items()}


def build_report(
    study: str, rows: dict[str, str], runs: dict[str, list[dict[str, Any]]], command: str, free: Set[str] = FREE
) -> dict:
    """Return the report of a study as JSON values.

    Args:
        study: name of the study.
        rows: label of each row by name, in the order of the table.
        runs: runs of each row by name, one per seed: `name`, `seed`, `figures`, `training`, `data`.
        command: command line that makes these runs, without the folders of this machine.
        free: as for `shared_training`.
    """
    flat = [run for name in rows for run in runs[name]]
    return {
        'study': study,
        'command': command,
        'seeds': [run['seed'] for run in runs[next(iter(rows))]],
        'data': flat[0]['data'],
        'training': shared_training(flat, free),
        'torch': sorted({run['training']['torch'] for run in flat}),
        'rows': [_row(study, name, label, runs[name], free) for name, label in rows.items()],
        **({'paper': PAPERS[study]} if study in PAPERS else {}),
    }


def _row(study: str, name: str, label: str, runs: list[dict[str, Any]], free: Set[str]) -> dict[str, Any]:
    training = runs[0]['training']
    single = []
    for run in runs:
        figures = [row for row in run['figures'] if row['valid_queries']]  # the others have no values
        single.append({'seed': run['seed'], 'seconds': run['training']['seconds'], 'figures': figures})
    return {
        'name': name,
        'label': label,
        **{key: training[key] for key in (*STUDIED, *sorted(free - FREE)) if key in training},
        'summary': summarise(runs),
        'runs': single,
        **({'paper': _paper(study, name, label)} if study in PAPERS else {}),
    }


def markdown_block(report: dict) -> str:
    """Return the report as a paragraph, a table and the source of the paper's columns, to be pasted into a README."""
    from ifd_zoo.hub.comparison import format_figures  # imports torch, for which --help should not wait

    modes = list(report['rows'][0]['summary'])
    paper = list(dict.fromkeys(name for row in report['rows'] for name in row.get('paper', {})))
    lines = [['model', *modes, *(f'*paper: {name}*' for name in paper)]]
    for row in report['rows']:
        ours = [format_figures(row['summary'][mode]) for mode in modes]
        theirs = [_paper_cell(row['paper'].get(name)) for name in paper]
        lines.append([row['label'], *ours, *theirs])
    parts = [_introduction(report), markdown_table(lines)]
    if paper:
        note = 'other data and mostly another network, so only the order of the rows can be compared.'
        parts.append(f"The columns in italics are the paper's, {report['paper']}. They are of {note}")
    return '\n\n'.join(parts)


def _paper_cell(figures: dict[str, float] | None) -> str:
    return f'*{figures["rank1"]:.1f} / {figures["mAP"]:.1f}*' if figures else ''


def _introduction(report: dict) -> str:
    seeds, training, summary = report['seeds'], report['training'], report['rows'][0]['summary']
    over = (
        f'mean ± sample standard deviation over {len(seeds)} seeds ({", ".join(map(str, seeds))})'
        if len(seeds) > 1
        else f'a single seed ({seeds[0]}), hence without a spread'
    )
    sizes = {mode: f'{row["valid_queries"]} queries and {row["gallery"]} images' for mode, row in summary.items()}
    if len(set(sizes.values())) == 1:
        test = f'each mode has {next(iter(sizes.values()))}'
    else:
        test = ', '.join(f'{mode} has {size}' for mode, size in sizes.items())
    budget = f'recipe `{training["recipe"]}`, {report["rows"][-1]["epochs"]} epochs'
    if training.get('stage1_epochs'):
        budget += f' after {training["stage1_epochs"]} of stage 1 where there is an attention stream'
    rates = ', '.join(f'{row["label"]} {row["lr"]:g}' for row in report['rows'] if 'lr' in row)
    budget += f'; learning rates: {rates}' if rates else ''
    return f'rank-1 / mAP in percent, {over}. Test: {test} in the gallery. Budget of every row: {budget}.'


def write_report(report: dict, output: Path) -> None:
    """Write STUDY.json, STUDY.svg and STUDY.md to a folder."""
    study = report['study']
    (output / f'{study}.json').write_text(json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + '\n')
    draw_chart(report, output / f'{study}.svg')
    parts = [f'# Ablation: {study}', markdown_block(report), f'![{study}]({study}.svg)', f'    {report["command"]}']
    if 'search' in report:
        parts.insert(2, search_block(report['search']))
    if 'pairs' in report:
        parts.insert(2, pairs_block(report['pairs']))
    (output / f'{study}.md').write_text('\n\n'.join(parts) + '\n')
