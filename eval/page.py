"""The report of a measurement as one HTML file: figures, curves, and the pictures behind them."""

import base64
import io
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from eval.metrics import RANKS, Scores
from eval.ranklists import Answer, RankList, Sides, choose_queries, rank_lists
from eval.report import figure_lines, paper_lines, setting_texts
from eval.summary import TITLES
from eval.svg import curve_chart, histogram_chart
from eval.validity import reason_text, unanswered
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.datasets.base import read_image

CSS = Path(__file__).with_name('page.css')
LISTS = 3
"""Queries of each kind that are shown: best, worst and random."""
CURVE_RANKS = 20
DASH = '–'
THUMBNAIL = (144, 176)  # pixels, width and height, at most: twice what is shown, for sharp screens
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The browser is told to fetch nothing: the page has all it needs."""

RULES = {
    'general': ('the same person seen by another camera', 'the same person seen by the same camera'),
    'cc': (
        'the same person in another outfit seen by another camera',
        'the same person in the same outfit, or seen by the same camera,',
    ),
    'sc': (
        'the same person in the same outfit seen by another camera',
        'the same person in another outfit, or seen by the same camera,',
    ),
}
"""What is right and what is left out, in each mode of `eval.metrics.judge`."""

PRIVACY = 'This file contains pictures of the data set. Pass it on only to those who may see these.'


def write_html(
    path: Path,
    report: dict,
    protocols: Sequence[Protocol],
    records: Sequence[Record],
    embeddings: np.ndarray,
    seed: int = 0,
) -> None:
    """Write the page; the same arguments give the same bytes.

    Of protocols that share a name, which are repeated draws, the first is shown.

    Args:
        report: as for `eval.report.markdown_report`.
        records: those of the protocols, each once.
        embeddings: (N, D) of the records, unit length.
        seed: of the random queries.

    Raises:
        DatasetError: an image cannot be read.
    """
    shown = {protocol.name: protocol for protocol in reversed(protocols)}
    pictures = _Pictures(records)
    names = dict.fromkeys(protocol.name for protocol in protocols)
    sections = [_section(Sides(shown[name], records, embeddings), pictures, seed) for name in names]
    title = f'{report["model"]} on {report["data"]}'
    page = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f'<title>{escape(title)}</title><style>{CSS.read_text()}</style></head><body>',
        f'<h1>{escape(title)}</h1>',
        _header(report),
        *sections,
        f'<footer>{PRIVACY}</footer></body></html>',
    ]
    path.write_text('\n'.join(page) + '\n', encoding='utf-8')


class _Pictures:
    """Thumbnails, and names of files as they are shown: relative to the folder that all have in common."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._folder = os.path.commonpath([record.path.parent for record in records])
        self._known: dict[Path, str] = {}

    def name(self, record: Record) -> str:
        return os.path.relpath(record.path, self._folder)

    def tag(self, record: Record, text: str) -> str:
        """An `img`; the text is read aloud in its place."""
        if record.path not in self._known:
            self._known[record.path] = _data_url(read_image(record.path))
        name = escape(self.name(record))
        return f'<img src="{self._known[record.path]}" alt="{escape(text)}: {name}" title="{name}">'


def _data_url(image: Image.Image) -> str:
    image.thumbnail(THUMBNAIL, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format='JPEG', quality=82)
    return 'data:image/jpeg;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _header(report: dict) -> str:
    options = report['rerank']
    values = {'weights': report['weights_sha256'][:12], **setting_texts(report)}
    items = ''.join(f'<li>{name} <b>{escape(value)}</b></li>' for name, value in values.items())
    parts = [f'<ul class="options">{items}</ul>', _figures(report['protocols'])]
    parts.append('<p class="muted">Figures in percent, over the queries that have a right answer.</p>')
    if options:
        note = 'Curves, similarities and rank lists below are those before re-ranking.'
        parts.append(f'<p><b>The table is re-ranked.</b> {note}</p>')
    return '\n'.join(parts + ([_paper(report['paper'], bool(options))] if report['paper'] else []))


def _figures(rows: list[dict]) -> str:
    return _table([[name, *rest] for name, _, *rest in figure_lines(rows, DASH)])  # a section says what its mode is


def _paper(paper: dict, reranked: bool) -> str:
    """What the paper reports for the same data set and modes, folded in."""
    remark = 'None of its figures is said to be re-ranked; ours are.' if reranked else ''
    text = ' '.join(filter(None, [f'{paper["source"]}: copied, not measured here.', paper['remark'], remark]))
    table = _table(paper_lines(paper, DASH))
    return f'<details><summary>What the paper reports</summary><p>{escape(text)}</p>{table}</details>'


def _table(lines: list[list[str]]) -> str:
    head, *body = [[escape(cell) for cell in line] for line in lines]
    rows = ''.join(f'<tr><td>{"</td><td>".join(line)}</td></tr>' for line in body)
    return f'<div class="scroll"><table><tr><th>{"</th><th>".join(head)}</th></tr>{rows}</table></div>'


def _section(sides: Sides, pictures: _Pictures, seed: int) -> str:
    protocol, scores = sides.protocol, sides.scores()
    right, left_out = RULES[protocol.mode]
    heading = TITLES[protocol.mode] + (f': {protocol.name}' if protocol.name != protocol.mode else '')
    draw = '' if protocol.trial is None else ' Shown is the first of several draws of the gallery.'
    parts = [f'<section><h2>{escape(heading)}</h2>']
    parts.append(f'<p class="muted">Right is {right}; {left_out} is left out of the ranking.{draw}</p>')
    if not len(scores.query):
        reasons = escape(reason_text(unanswered(protocol)))
        return '\n'.join([*parts, f'<p>No query has a right answer in the gallery: {reasons}.</p></section>'])
    parts.append(_charts(sides, scores))
    texts = {'best': 'Best queries', 'worst': 'Worst queries', 'random': f'Queries drawn at random (seed {seed})'}
    for kind, chosen in choose_queries(scores, LISTS, seed).items():
        order = '' if kind == 'random' else ', by average precision'
        parts.append(f'<h3>{texts[kind]}{order}</h3>')
        parts += [_list(one, pictures) for one in rank_lists(sides, scores, chosen)]
    return '\n'.join([*parts, '</section>'])


def _charts(sides: Sides, scores: Scores) -> str:
    curve = scores.cmc(max(2, min(CURVE_RANKS, len(sides.gallery)))).tolist()
    edges, counts = sides.histogram()
    same, other = counts.sum(1)
    shares = {'other': 100 * counts[1] / max(other, 1), 'same': 100 * counts[0] / max(same, 1)}
    charts = {
        curve_chart(curve, 'CMC curve', RANKS): 'CMC: queries with a right answer up to that rank.',
        histogram_chart(edges, shares, 'Similarity of the same person and of different people'):
            f'Similarity of <span class="key"><i class="same"></i>right answers</span> ({same:,} pairs) and '
            f'<span class="key"><i class="other"></i>different people</span> ({other:,}); each adds up to 100 %.',
    }
    figures = (f'<figure>{chart}<figcaption>{text}</figcaption></figure>' for chart, text in charts.items())
    return f'<div class="charts">{"".join(figures)}</div>'


def _list(one: RankList, pictures: _Pictures) -> str:
    more = f'; {one.more_junk} more left out' if one.more_junk else ''
    query = (
        f'{pictures.tag(one.query, "query")}<div><b>query</b> {escape(pictures.name(one.query))}'
        f'<small>camera {one.query.camid} · AP {100 * one.average_precision:.1f} · first right at rank {one.first_hit}'
        f'{more}</small></div>'
    )
    answers = ''.join(_answer(answer, pictures) for answer in one.answers)
    return f'<div class="list"><div class="query">{query}</div><ol>{answers}</ol></div>'


def _answer(answer: Answer, pictures: _Pictures) -> str:
    if answer.rank is None:
        kind, text, label = 'junk', 'left out', 'left out'
    else:
        kind, sign = ('right', '✓') if answer.right else ('wrong', '✗')
        text, label = f'<b>{answer.rank} {sign}</b>', f'rank {answer.rank}, {kind}'
    picture = pictures.tag(answer.record, label)
    return f'<li class="answer {kind}">{picture}{text}<br>{answer.similarity:.3f}</li>'
