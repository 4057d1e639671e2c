"""What ten million and a billion crops cost, on paper.

    python eval/costs.py

Rates are those of one core as `eval/scale_extract.py` measures them, and for GPUs an assumption; sizes are those of the
files that the code writes. Nothing here has been run at that size.
"""

import sys
from pathlib import Path
from typing import NamedTuple

if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ifd_zoo.cli import ArgumentParser, entry_point

EMBEDDING, STORED = 4, 2  # bytes of a number: in the file of eval/extract.py, in an index
TEXTS = 70  # bytes of a row's name, label and hash in an index
LINKS, CODES, NUMBER = 260, 128, 8  # bytes of a row in FAISS: neighbours in hnsw, codes of ivfpq, its number there
PLENTY = 100_000_000  # rows: above, an index is cut over machines, and of one machine only ivfpq fits


class Worker(NamedTuple):
    """What does the work, and how fast."""

    name: str
    masks: float
    """Label maps a second."""
    embeddings: float
    """Embeddings a second, without making label maps."""
    dim: int
    """Numbers of an embedding."""

    @property
    def rate(self) -> float:
        """Crops a second through both."""
        return 1 / (1 / self.masks + 1 / self.embeddings)


CORE = Worker('cores', 61.3, 68.7, 512)  # ifd_resnet10t
GPU = Worker('GPUs', 1000.0, 780.0, 2048)  # ifd_resnet50
LABEL_MAP = 1926  # bytes of a PNG: mean of 2,000 rendered people, 256x128
PLANS = ((10**7, CORE, 64), (10**7, GPU, 8), (10**9, CORE, 2048), (10**9, GPU, 64))


def bytes_text(number: float) -> str:
    """`10.2 GB`."""
    return f'{number / 1e12:,.1f} TB' if number >= 1e12 else f'{number / 1e9:,.1f} GB'


def index_text(crops: int, dim: int) -> str:
    """Kinds of index, each with the memory that it wants."""
    kinds = {'exact': STORED * dim, 'hnsw': STORED * dim + LINKS, 'ivfpq': CODES + NUMBER}
    if crops > PLENTY:
        kinds = {'ivfpq': kinds['ivfpq']}
    return ', '.join(f'{kind} {bytes_text(size * crops)}' for kind, size in kinds.items())


def cost_table(plans=PLANS) -> str:
    """A table in Markdown."""
    head = ('crops', 'on', 'crops/s', 'hours', 'file of embeddings', 'index on disk', 'label maps', 'index in memory')
    lines = [f'| {" | ".join(head)} |', '|---|---|---|---|---|---|---|---|']
    for crops, worker, number in plans:
        rate = number * worker.rate
        sizes = (bytes_text(size * crops) for size in (EMBEDDING * worker.dim, STORED * worker.dim + TEXTS, LABEL_MAP))
        cells = (f'{crops:,}', f'{number:,} {worker.name}', f'{rate:,.0f}', f'{crops / rate / 3600:,.1f}', *sizes)
        lines.append(f'| {" | ".join(cells)} | {index_text(crops, worker.dim)} |')
    return '\n'.join(lines)


@entry_point()
def main(argv: list[str] | None = None) -> None:
    ArgumentParser('eval/costs.py', description='Costs on paper.').parse_args(argv)
    print(cost_table())


if __name__ == '__main__':
    sys.exit(main())
