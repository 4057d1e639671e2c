"""HTML report of a measurement in one file: metrics, curves and rank lists."""

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from eval.metrics import RANKS
from eval.reports.charts import KEYS, curve_chart, histogram_chart
from eval.reports.metric_tables import figure_lines, paper_lines, setting_texts
from eval.reports.ranklists import RankList, Sides, choose_queries, rank_lists
from eval.reports.summary import TITLES
from eval.valid_queries import NO_QUERIES, reason_text, unanswered
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.datasets.base import read_image

LISTS = 3
"""Number of queries shown of each kind: best, worst and random."""
CURVE_RANKS = 20
DASH = '–'
THUMBNAIL = (144, 176)  # maximum width and height in pixels: twice the displayed size, for sharp screens


class Section(NamedTuple):
    """Contents of the section of a protocol."""

    protocol: Protocol
    unanswered: str
    """Why no query has a right match; if there is one, this is empty and the other fields are set."""
    curve: str = ''
    histogram: str = ''
    same: int = 0
    """Number of pairs of the same person in the histogram; `other` counts pairs of different people."""
    other: int = 0
    lists: dict[str, list[RankList]] = {}
    """Rank lists by the kinds of `choose_queries`."""


def write_html(
    path: Path,
    report: dict,
    protocols: Sequence[Protocol],
    records: Sequence[Record],
    embeddings: np.ndarray,
    seed: int = 0,
) -> None:
    """Write the page; the same arguments give the same bytes.

    Of repeated draws, which are protocols of one name, the first is shown.

    Args:
        report: as for `eval.reports.metric_tables.markdown_report`.
        records: the images of the protocols, each once.
        embeddings: (N, D), unit length, in the order of the records.
        seed: for drawing the random queries.

    Raises:
        DatasetError: an image cannot be read.
    """
    shown: dict[str, Protocol] = {}
    for protocol in protocols:
        shown.setdefault(protocol.name, protocol)
    page = _environment.get_template('page.html.jinja').render(
        report=report,
        seed=seed,
        titles=TITLES,
        colours=KEYS,
        pictures=Pictures(records),
        settings={'weights': report['weights_sha256'][:12], **setting_texts(report)},
        # Without the mode, which the sections show.
        figures=[[name, *rest] for name, _, *rest in figure_lines(report['protocols'], DASH)],
        paper=paper_lines(report['paper'], DASH) if report['paper'] else [],
        sections=[_section(Sides(protocol, records, embeddings), seed) for protocol in shown.values()],
    )
    path.write_text(page, encoding='utf-8')


class Pictures:
    """Thumbnails and displayed names of image files: paths relative to their common folder."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._folder = os.path.commonpath([record.path.parent for record in records])
        self._known: dict[Path, str] = {}

    def name(self, record: Record) -> str:
        return os.path.relpath(record.path, self._folder)

    def url(self, record: Record) -> str:
        """Return the thumbnail as a `data:` URL. Raises DatasetError if the image cannot be read."""
        if record.path not in self._known:
            self._known[record.path] = _data_url(read_image(record.path))
        return self._known[record.path]


def _data_url(image: Image.Image) -> str:
    image.thumbnail(THUMBNAIL, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, format='JPEG', quality=82)
    return 'data:image/jpeg;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _section(sides: Sides, seed: int) -> Section:
    protocol, scores = sides.protocol, sides.scores()
    if not len(scores.query):
        return Section(protocol, reason_text(unanswered(protocol)) or NO_QUERIES)
    curve = scores.cmc(max(2, min(CURVE_RANKS, len(sides.gallery)))).tolist()
    edges, counts = sides.histogram()
    same, other = counts.sum(1).tolist()
    shares = {'other': 100 * counts[1] / max(other, 1), 'same': 100 * counts[0] / max(same, 1)}
    chosen = choose_queries(scores, LISTS, seed).items()
    return Section(
        protocol,
        '',
        curve_chart(curve, f'CMC curve, {protocol.name}', RANKS),
        histogram_chart(edges, shares, f'Similarity of the same person and of different people, {protocol.name}'),
        same,
        other,
        {kind: rank_lists(sides, scores, places) for kind, places in chosen},
    )


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
