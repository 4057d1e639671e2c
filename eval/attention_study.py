"""Ablation of W_I by replacement maps, and the shares of W_I and Grad-CAM on each image region."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from eval.bootstrap import answer_protocols, paired_rows
from eval.embeddings.loop import extract, split_rows
from eval.measure import Setting, load_protocols
from eval.metrics import judge, labels_of
from eval.reports.metric_tables import distinct_records
from ifd_zoo.datasets import Protocol, Record, RecordDataset
from ifd_zoo.explain.gradcam import gradcam
from ifd_zoo.explain.overlays import resize_map
from ifd_zoo.explain.region_shares import REGIONS, evidence_shares
from ifd_zoo.hub import eval_transform, load_model
from ifd_zoo.models.inference import pick_device
from ifd_zoo.parsing.mask_source import MaskSource

SEED = 0  # for drawing the other person whose map is used


class AttentionStudy(NamedTuple):
    replaced: list[dict[str, Any]]
    """Rows of `eval.bootstrap.paired_rows`; empty for a model without an attention stream."""
    shares: dict[str, dict[str, float]]
    """Maps `area`, `Grad-CAM` and, if the model has it, `W_I` to the share of each region, in [0, 1]."""
    images: int
    """Number of images that `area` and W_I are averaged over."""
    queries: int
    """Number of queries with a right match; Grad-CAM is averaged over those whose heatmap is not empty."""

    def share_lines(self) -> list[list[str]]:
        """Return the table cells of the shares in percent, header first."""
        lines = [['share in percent', *REGIONS, 'person']]
        for name, share in self.shares.items():
            cells = [*share.values(), 1 - share['background']]
            lines.append([name, *(f'{100 * value:.1f}' for value in cells)])
        return lines


def study_attention(args: argparse.Namespace) -> AttentionStudy:
    """Run the study on the model of the command line."""
    device = pick_device(args.device)
    model = load_model(args.model, args.feature).eval().to(device)
    with tempfile.TemporaryDirectory() as temporary:
        protocols = load_protocols(Setting.of(args), MaskSource(args.masks, device), Path(temporary))
        records = distinct_records(protocols)
        transform = eval_transform(model)
        options = args.batch_size, args.workers
        maps: list[Tensor] = []
        with attention_of(model, maps):
            embeddings = extract(model, records, transform, *options)
        names, found = ['own map'], [[answer_protocols(protocols, records, embeddings)]]
        if maps:
            own = torch.cat(maps, dim=1)
            pids = np.array([record.pid for record in records])
            for name, others in replacements(own, pids).items():
                with attention_of(model, others=others):
                    answers = answer_protocols(protocols, records, extract(model, records, transform, *options))
                names.append(name)
                found.append([answers])
        dataset = RecordDataset(records, transform)
        shares = {'area': _mean(evidence_shares(np.ones_like(labels), labels) for labels in _label_maps(dataset))}
        if maps:
            pairs = zip(own[0, :, 0].numpy(), _label_maps(dataset), strict=True)
            shares['W_I'] = _mean(evidence_shares(_enlarged(one, labels), labels) for one, labels in pairs)
        matches = best_matches(_cross_clothes(protocols), records, embeddings)
        shares['Grad-CAM'] = _mean(_gradcam_shares(model, dataset, matches, embeddings, args.batch_size))
    return AttentionStudy(paired_rows(names, found) if maps else [], shares, len(records), len(matches))


@contextmanager
def attention_of(model: nn.Module, maps: list[Tensor] | None = None, others: Tensor | None = None) -> Iterator[None]:
    """Record W_I during an extraction with mirror images, or replace it by other maps.

    Args:
        model: if it has no attention stream, nothing happens.
        maps: list to which (2, B, 1, h, w) of each batch is appended: the images, then their mirror images.
        others: (2, N, 1, h, w) replacement maps for the N images, in extraction order.
    """
    done = 0

    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        nonlocal done
        pairs = output.detach().float().unflatten(0, (2, -1))
        if others is None:
            maps.append(pairs.cpu())
            return None
        start, done = done, done + pairs.shape[1]
        return others[:, start:done].flatten(0, 1).to(output)

    handle = model.ikt.register_forward_hook(hook) if model.gives_attention else None
    try:
        yield
    finally:
        if handle:
            handle.remove()


def replacements(maps: Tensor, pids: np.ndarray) -> dict[str, Tensor]:
    """Return replacements by name for the W_I maps (2, N, 1, h, w) of N images; `pids` is (N,)."""
    rng = np.random.default_rng(SEED)
    strangers = torch.tensor([rng.choice(np.flatnonzero(pids != pid)) for pid in pids])
    return {
        'mean map': maps.mean(1, keepdim=True).expand_as(maps),
        "another person's map": maps[:, strangers],
        'one number': maps.mean().expand_as(maps),
    }


def best_matches(protocol: Protocol, records: Sequence[Record], embeddings: np.ndarray) -> list[tuple[int, int]]:
    """Return (query, match) positions in `records`: each valid query and its most similar right match."""
    position = {record: index for index, record in enumerate(records)}
    query, gallery = ([position[record] for record in side] for side in (protocol.query, protocol.gallery))
    relevant = judge(labels_of(protocol.query), labels_of(protocol.gallery), protocol.mode).relevant
    similarity = np.where(relevant, embeddings[query] @ embeddings[gallery].T, -np.inf)
    best = similarity.argmax(1)
    return [(query[row], gallery[best[row]]) for row in np.flatnonzero(relevant.any(1))]


def _cross_clothes(protocols: Sequence[Protocol]) -> Protocol:
    """Return the first protocol of mode `cc`, or the first one if there is none."""
    return next((one for one in protocols if one.mode == 'cc'), protocols[0])


def _label_maps(dataset: RecordDataset) -> Iterator[np.ndarray]:
    """Yield label maps at the model's input size; all background for an image without one."""
    height, width = dataset.transform.size
    for index in range(len(dataset)):
        labels = dataset.load(index)[1]
        if labels is None:
            yield np.zeros((height, width), np.uint8)
        else:
            yield np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))


def _enlarged(attention: np.ndarray, label_map: np.ndarray) -> np.ndarray:
    return resize_map(attention, (label_map.shape[1], label_map.shape[0]))


def _gradcam_shares(
    model: nn.Module,
    dataset: RecordDataset,
    matches: Sequence[tuple[int, int]],
    embeddings: np.ndarray,
    batch_size: int,
) -> Iterator[dict[str, float]]:
    """Yield the region shares of each query whose heatmap is not all zero."""
    device = next(model.parameters()).device
    for rows in tqdm(split_rows(range(len(matches)), batch_size), desc='Grad-CAM', unit=' batches', leave=False):
        queries, answers = zip(*(matches[row] for row in rows), strict=True)
        pictures, maps = zip(*map(dataset.load, queries), strict=True)
        given = list(maps) if any(one is not None for one in maps) else None
        sample = dataset.transform.batch(list(pictures), given, device)
        reference = torch.from_numpy(embeddings[list(answers)]).to(device)
        heatmaps = gradcam(model, sample.image, sample.masked, reference).heatmap
        part = RecordDataset([dataset.records[query] for query in queries], dataset.transform)
        for heatmap, labels in zip(heatmaps, _label_maps(part), strict=True):
            if heatmap.any():
                yield evidence_shares(heatmap, labels)


def _mean(shares: Iterator[dict[str, float]]) -> dict[str, float]:
    rows = list(shares)
    return {name: float(np.mean([row[name] for row in rows])) for name in REGIONS}
