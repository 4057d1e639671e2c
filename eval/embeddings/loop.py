"""Extraction loop from images to embeddings."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ifd_zoo.common.errors import ZooError
from ifd_zoo.datasets import DatasetError, Record, RecordDataset
from ifd_zoo.models.inference import infer
from ifd_zoo.transforms import EvalTransform


class EmbeddingError(ZooError, FloatingPointError):
    """A model returned an embedding that is not finite; the message names the image."""


def require_finite(embeddings: np.ndarray, paths: list[Path]) -> None:
    """Raise EmbeddingError for the first of the embeddings (n, D) that is not finite."""
    broken = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(broken):
        raise EmbeddingError(f'{paths[broken[0]]}: its embedding is not finite; the weights of the model are damaged')


class _Guarded(Dataset):
    """Items of `RecordDataset.load` as uint8 tensors, or the DatasetError in their place.

    Raised in a worker process, the error would arrive with a stack trace. Tensors are passed between processes without
    a copy.
    """

    def __init__(self, dataset: RecordDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor | None] | DatasetError:
        try:
            image, label_map = self.dataset.load(row)
        except DatasetError as error:
            return error
        return torch.from_numpy(np.array(image)), None if label_map is None else torch.from_numpy(label_map)


def split_rows(rows: range, size: int) -> list[range]:
    """Split rows into consecutive batches."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def extract(
    model: nn.Module,
    records: tuple[Record, ...],
    transform: EvalTransform,
    batch_size: int = 64,
    workers: int = 0,
    flip: bool = True,
) -> np.ndarray:
    """Embed records: (N, D) float32 of unit length, in the order of the records.

    Runs on the model's device and leaves the model in eval mode.

    Raises:
        DatasetError: an image or a label map cannot be used.
        EmbeddingError: an embedding is not finite.
    """
    model.eval()
    device, parts = next(model.parameters()).device, []
    dataset = _Guarded(RecordDataset(records, transform))
    with tqdm(total=len(records), desc='extract', unit=' images', leave=False) as bar:
        loader = DataLoader(dataset, batch_size, num_workers=workers, collate_fn=list)
        for rows, items in zip(split_rows(range(len(records)), batch_size), loader, strict=True):
            for error in items:
                if isinstance(error, DatasetError):
                    raise error
            images, maps = zip(*items, strict=True)
            pictures = [Image.fromarray(image.numpy()) for image in images]
            maps = [None if one is None else one.numpy() for one in maps]
            sample = transform.batch(pictures, maps if any(one is not None for one in maps) else None, device)
            parts.append(infer(model, sample.image, sample.masked, flip).embedding.cpu().numpy())
            require_finite(parts[-1], [records[row].path for row in rows])
            bar.update(len(items))
    return np.concatenate(parts)
