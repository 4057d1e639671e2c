"""Figures of a model on a data set, as data and as a table."""

import numpy as np
from torch import nn

from eval.extract import extract
from eval.metrics import evaluate
from ifd_zoo.datasets import Protocol, Record
from ifd_zoo.transforms import EvalTransform

FIGURES = ('rank1', 'rank5', 'rank10', 'mAP', 'mINP')


def evaluate_protocols(
    model: nn.Module,
    protocols: tuple[Protocol, ...],
    transform: EvalTransform,
    batch_size: int = 64,
    workers: int = 0,
    flip: bool = True,
) -> list[dict]:
    """One dict per protocol: its name, mode, sizes and figures. Each image is embedded once."""
    records = tuple(sorted({r for p in protocols for r in p.query + p.gallery}, key=lambda r: r.path))
    embeddings = extract(model, records, transform, batch_size, workers, flip)
    position = {record: index for index, record in enumerate(records)}
    return [_one_protocol(protocol, embeddings, position) for protocol in protocols]


def _one_protocol(protocol: Protocol, embeddings: np.ndarray, position: dict[Record, int]) -> dict:
    query, gallery = (
        embeddings[[position[record] for record in records]] for records in (protocol.query, protocol.gallery)
    )
    labels = [
        np.array([getattr(record, label) for record in records])
        for label in ('pid', 'camid', 'clothes_id')
        for records in (protocol.query, protocol.gallery)
    ]
    figures = evaluate(query @ gallery.T, *labels, mode=protocol.mode)
    sizes = {'queries': len(protocol.query), 'gallery': len(protocol.gallery)}
    return {'protocol': protocol.name, 'mode': protocol.mode, **sizes, **figures}


def markdown_table(rows: list[dict]) -> str:
    """The rows as a Markdown table; figures in percent."""
    header = ['protocol', 'valid queries', 'gallery', *FIGURES]
    lines = ['| ' + ' | '.join(header) + ' |', '|' + '---|' * len(header)]
    for row in rows:
        cells = [row['protocol'], f'{row["valid_queries"]} / {row["queries"]}', str(row['gallery'])]
        lines.append('| ' + ' | '.join(cells + [f'{row[name]:.1f}' for name in FIGURES]) + ' |')
    return '\n'.join(lines)
