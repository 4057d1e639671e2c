"""Batches with P persons and K images of each, spread over each person's outfits in proportion to their size."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


def proportional_shares(sizes: Sequence[int], total: int) -> list[int]:
    """Split `total` over groups in proportion to their sizes: at least 1 each, the rest by largest remainder.

    Ties go to the earlier group. Needs `total >= len(sizes)`.
    """
    rest = total - len(sizes)
    if rest < 0:
        raise ValueError(f'{total} images cannot cover {len(sizes)} outfits')
    exact = np.asarray(sizes, dtype=np.float64) / sum(sizes) * total
    extra = np.maximum(exact - 1, 0)
    extra = extra / extra.sum() * rest if extra.sum() else np.full(len(sizes), rest / len(sizes))
    shares = np.floor(extra + 1e-9).astype(int)
    order = np.argsort(-(extra - shares), kind='stable')
    shares[order[: rest - shares.sum()]] += 1
    return (shares + 1).tolist()


class ProportionalRASampler(Sampler[list[int]]):
    """Proportional random appearance sampling (end of section II.B), a batch sampler.

    RAS (Liu et al. 2022 [28]) draws a fixed number of images of each appearance; IFD replaces it by a number in
    proportion to the appearance's share of the person's images. Ours: every appearance gets at least one image, as many
    appearances as fit; each person gives exactly K images; with replacement only when an appearance has fewer images
    than its share.

    Args:
        pids, clothes_ids: labels of the data set, in its order.
        num_pids: P, distinct persons per batch.
        num_images: K, images per person.
        seed: with the epoch, decides the batches.
        max_appearances: outfits per person and batch; default K. More are drawn at random down to this number.

    Raises:
        ValueError: fewer than P persons, or a number below 1.
    """

    def __init__(
        self,
        pids: Sequence[int],
        clothes_ids: Sequence[int],
        num_pids: int,
        num_images: int,
        seed: int = 0,
        max_appearances: int | None = None,
    ) -> None:
        self.max_appearances = num_images if max_appearances is None else max_appearances
        if min(num_pids, num_images, self.max_appearances) < 1 or self.max_appearances > num_images:
            raise ValueError(
                f'num_pids={num_pids}, num_images={num_images} and max_appearances={self.max_appearances} must be at '
                'least 1, and max_appearances at most num_images'
            )
        self.num_pids, self.num_images, self.seed, self.epoch = num_pids, num_images, seed, 0
        self.size = len(pids)
        self.appearances: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (pid, clothes_id) in enumerate(zip(pids, clothes_ids, strict=True)):
            self.appearances[int(pid)][int(clothes_id)].append(index)
        if len(self.appearances) < num_pids:
            raise ValueError(f'num_pids={num_pids}, but the data set has only {len(self.appearances)} persons')

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 0) whose batches the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.size // (self.num_pids * self.num_images))

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        queue: list[int] = []
        for _ in range(len(self)):
            pids, queue = self._draw_pids(rng, queue)
            yield [index for pid in pids for index in self._draw_images(rng, pid)]

    def _draw_pids(self, rng: np.random.Generator, queue: list[int]) -> tuple[list[int], list[int]]:
        """P distinct persons, each as often as the others over the epoch, and what is left of the queue."""
        if len(queue) < self.num_pids:
            fresh = [int(pid) for pid in rng.permutation(sorted(self.appearances))]
            # Those still waiting come first; a batch must not hold a person twice.
            queue = queue + [pid for pid in fresh if pid not in queue] + [pid for pid in fresh if pid in queue]
        return queue[: self.num_pids], queue[self.num_pids :]

    def _draw_images(self, rng: np.random.Generator, pid: int) -> list[int]:
        outfits = sorted(self.appearances[pid])
        if len(outfits) > self.max_appearances:
            outfits = sorted(rng.choice(outfits, self.max_appearances, replace=False).tolist())
        groups = [self.appearances[pid][outfit] for outfit in outfits]
        shares = proportional_shares([len(group) for group in groups], self.num_images)
        drawn: list[int] = []
        for group, share in zip(groups, shares, strict=True):
            drawn += rng.choice(group, share, replace=share > len(group)).tolist()
        return drawn
