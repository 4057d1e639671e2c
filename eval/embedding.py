"""The loop that turns images into embeddings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ifd_zoo.datasets import DatasetError, Record, RecordDataset
from ifd_zoo.errors import ZooError
from ifd_zoo.models.inference import infer
from ifd_zoo.transforms import EvalTransform


class EmbeddingError(ZooError, FloatingPointError):
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
    for rows, images, label_maps, errors in loader:
        embeddings = np.zeros((0, 0), dtype=np.float32)
        if rows:
            pictures = [Image.fromarray(image.numpy()) for image in images]
            maps = [None if label_map is None else label_map.numpy() for label_map in label_maps]
            sample = dataset.transform.batch(pictures, maps if any(one is not None for one in maps) else None, device)
            embeddings = infer(model, sample.image, sample.masked, flip).embedding.cpu().numpy()
            require_finite(embeddings, [dataset.records[row].path for row in rows])
        yield Embedded(rows, embeddings, errors)


def require_finite(embeddings: np.ndarray, paths: list[Path]) -> None:
    """Raise EmbeddingError if an embedding (n, D) is not finite; it names the image."""
    broken = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(broken):
        raise EmbeddingError(f'{paths[broken[0]]}: its embedding is not finite; the weights of the model are damaged')


class _Guarded(Dataset):
    """For each item its position, and image and label map of `RecordDataset.load`, or the error in their place.

    As an exception it would come out of a worker process as a stack trace, and take the whole batch with it. Bytes, and
    as tensors: these come from a worker without being copied.
    """

    def __init__(self, dataset: RecordDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, row: int) -> tuple[int, tuple[Tensor, Tensor | None] | DatasetError]:
        try:
            image, label_map = self.dataset.load(row)
        except DatasetError as error:
            return row, error
        return row, (torch.from_numpy(np.array(image)), None if label_map is None else torch.from_numpy(label_map))


def _collate(items: list) -> tuple[list[int], list[Tensor], list[Tensor | None], dict[int, DatasetError]]:
    good = {row: pair for row, pair in items if not isinstance(pair, DatasetError)}
    errors = {row: error for row, error in items if isinstance(error, DatasetError)}
    return list(good), [pair[0] for pair in good.values()], [pair[1] for pair in good.values()], errors


def split_rows(rows: range, size: int) -> list[range]:
    """Batches of consecutive rows."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def extract(
    model: nn.Module,
    records: tuple[Record, ...],
    transform: EvalTransform,
    batch_size: int = 64,
    workers: int = 0,
    flip: bool = True,
) -> np.ndarray:
    """(N, D) float32 embeddings of unit length, in the records' order.

    Runs on the model's device and leaves the model in eval mode.

    Raises:
        DatasetError: an image or a label map cannot be used.
        EmbeddingError: an embedding is not finite.
    """
    dataset = RecordDataset(records, transform)
    batches = split_rows(range(len(records)), batch_size)
    parts = []
    with tqdm(total=len(records), desc='extract', unit=' images', leave=False) as bar:
        for batch in embed_batches(model, dataset, batches, workers, flip):
            for error in batch.errors.values():
                raise error
            parts.append(batch.embeddings)
            bar.update(len(batch.rows))
    return np.concatenate(parts)
