"""The loop that turns images into embeddings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ifd_zoo.datasets import DatasetError, RecordDataset
from ifd_zoo.inference import infer


class EmbeddingError(FloatingPointError):
    """A model gives an embedding that is not finite; the message names the image."""


class Embedded(NamedTuple):
    """A batch; `rows` and `errors` together are its positions in the data set."""

    rows: list[int]
    embeddings: np.ndarray
    """(n, D) float32, one for each of `rows`; (0, 0) when all failed."""
    errors: dict[int, DatasetError]


def embed_batches(
    model: nn.Module, dataset: RecordDataset, batches: Sequence[Sequence[int]], workers: int, flip: bool
) -> Iterator[Embedded]:
    """One after the other; an image that fails takes none of its batch with it.

    Raises:
        EmbeddingError: an embedding is not finite.
    """
    model.eval()
    device = next(model.parameters()).device
    loader = DataLoader(_Guarded(dataset), batch_sampler=batches, num_workers=workers, collate_fn=_collate)
    for rows, tensors, errors in loader:
        embeddings = np.zeros((0, 0), dtype=np.float32)
        if rows:
            image, masked = (tensor.to(device, memory_format=torch.channels_last) for tensor in tensors)
            embeddings = infer(model, image, masked, flip).embedding.cpu().numpy()
            _require_finite(embeddings, [dataset.records[row].path for row in rows])
        yield Embedded(rows, embeddings, errors)


def _require_finite(embeddings: np.ndarray, paths: list[Path]) -> None:
    broken = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(broken):
        raise EmbeddingError(f'{paths[broken[0]]}: its embedding is not finite; the weights of the model are damaged')


class _Guarded(Dataset):
    """Of each item its position, and image and masked image, or the error in their place.

    As an exception it would come out of a worker process as a stack trace, and take the whole batch with it.
    """

    def __init__(self, dataset: RecordDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, row: int) -> tuple[int, tuple[Tensor, Tensor] | DatasetError]:
        try:
            item = self.dataset[row]
        except DatasetError as error:
            return row, error
        return row, (item['image'], item['masked'])


def _collate(items: list) -> tuple[list[int], list[Tensor], dict[int, DatasetError]]:
    good = {row: pair for row, pair in items if not isinstance(pair, DatasetError)}
    errors = {row: error for row, error in items if isinstance(error, DatasetError)}
    return list(good), [torch.stack(tensors) for tensors in zip(*good.values(), strict=True)], errors


def split_rows(rows: range, size: int) -> list[range]:
    """Batches of consecutive rows."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
