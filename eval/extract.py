"""Embeddings of the records of a data set."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ifd_zoo.datasets import Record, RecordDataset
from ifd_zoo.inference import infer
from ifd_zoo.transforms import EvalTransform


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
    """
    model.eval()
    device = next(model.parameters()).device
    loader = DataLoader(RecordDataset(records, transform), batch_size, num_workers=workers)
    batches = []
    for batch in tqdm(loader, desc='extract', unit='batch', leave=False):
        image, masked = (
            batch[key].to(device, memory_format=torch.channels_last) for key in ('image', 'masked')
        )
        batches.append(infer(model, image, masked, flip).embedding.cpu().numpy())
    return np.concatenate(batches)
