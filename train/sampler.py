"""Samplers of batches with P persons and K images each, and the ways to draw the K images."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

Share = Callable[[Sequence[int], int], list[int]]


def proportional_shares(sizes: Sequence[int], total: int) -> list[int]:
    """Split `total` over groups in proportion to their sizes: at least 1 each, the rest by largest remainder.

    Ties go to the earlier group. Requires `total >= len(sizes)`.
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


def equal_shares(sizes: Sequence[int], total: int) -> list[int]:
    """Split `total` evenly over groups; the remainder goes to the larger groups, ties to the earlier one."""
    if total < len(sizes):
        raise ValueError(f'{total} images cannot cover {len(sizes)} outfits')
    shares = np.full(len(sizes), total // len(sizes))
    shares[np.argsort(-np.asarray(sizes), kind='stable')[: total % len(sizes)]] += 1
    return shares.tolist()


SAMPLERS: dict[str, Share | None] = {
    'proportional_ras': proportional_shares,
    'fixed_ras': equal_shares,
    'pk': None,
}
"""How a person's K images are divided among outfits. `proportional_ras` is IFD's (end of section II.B), `fixed_ras` the
random appearance sampling that it modifies (Liu et al. 2022 [28]); `pk` ignores outfits."""


PID_DRAWS = ('even', 'proportional')


class Draw(NamedTuple):
    index: int
    """Index of the image in the data set."""
    seed: int
    """Seed of this image's augmentation in this batch, in whichever process it is loaded."""


class IdentitySampler:
    """Batch sampler of P distinct persons with K images each.

    With outfits (both kinds of RAS), every appearance gets at least one image, for as many appearances as fit. An image
    is repeated only when a person, or an outfit, has fewer images than its share. Batches depend on seed and epoch
    alone: processes that each take a slice of every batch together see what one process would see.

    Args:
        pids, clothes_ids: labels in the order of the data set.
        num_pids: P, distinct persons per batch.
        num_images: K, images per person.
        seed: determines the batches, together with the epoch.
        share: a value of `SAMPLERS`.
        max_appearances: outfits per person and batch, drawn at random when there are more; default and maximum: K.
        pid_draw: `even` draws all persons equally often; `proportional` draws them in proportion to their number of
            images, so that all images are seen about equally often.

    Raises:
        ValueError: there are fewer than P persons, or a number is out of range.
    """

    drop_last = True  # without effect, as every batch is full; accelerate reads this and batch_size

    def __init__(
        self,
        pids: Sequence[int],
        clothes_ids: Sequence[int],
        num_pids: int,
        num_images: int,
        seed: int = 0,
        share: Share | None = proportional_shares,
        max_appearances: int | None = None,
        *,
        pid_draw: str = 'even',
    ) -> None:
        self.max_appearances = num_images if max_appearances is None else max_appearances
        if min(num_pids, num_images, self.max_appearances) < 1 or self.max_appearances > num_images:
            raise ValueError(
                f'num_pids={num_pids}, num_images={num_images} and max_appearances={self.max_appearances} must be at '
                'least 1, and max_appearances at most num_images'
            )
        self.num_pids, self.num_images, self.seed, self.share = num_pids, num_images, seed, share
        self.batch_size = num_pids * num_images
        self.size = len(pids)
        self.epoch, self.first_batch = 0, 0
        self.appearances: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (pid, clothes_id) in enumerate(zip(pids, clothes_ids, strict=True)):
            self.appearances[int(pid)][int(clothes_id) if share else 0].append(index)
        if len(self.appearances) < num_pids:
            raise ValueError(f'num_pids={num_pids}, but there are only {len(self.appearances)} persons to train on')
        self.rounds = dict.fromkeys(self.appearances, 1)
        """How often each person occurs in one round of all."""
        if pid_draw == 'proportional':
            images = {pid: sum(map(len, outfits.values())) for pid, outfits in self.appearances.items()}
            self.rounds = {pid: max(1, round(number / num_images)) for pid, number in images.items()}

    def start_at(self, epoch: int, first_batch: int = 0) -> None:
        """Set the epoch of the next iteration, and how many of its batches to skip, both from 0."""
        self.epoch, self.first_batch = epoch, first_batch

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch."""
        return max(1, self.size // self.batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        queue: list[int] = []
        for number in range(len(self)):
            pids, queue = self._draw_pids(rng, queue)
            indices = [index for pid in pids for index in self._draw_images(rng, pid)]
            seeds = rng.integers(2**62, size=len(indices)).tolist()
            if number >= self.first_batch:
                yield [Draw(index, seed) for index, seed in zip(indices, seeds, strict=True)]

    def _draw_pids(self, rng: np.random.Generator, queue: list[int]) -> tuple[list[int], list[int]]:
        """Draw P distinct persons, the longest waiting first; return them and the remaining queue."""
        while len(set(queue)) < self.num_pids:
            everybody = [pid for pid in sorted(self.appearances) for _ in range(self.rounds[pid])]
            fresh = [int(pid) for pid in rng.permutation(everybody)]
            # Persons still in the queue come last in the new round, so that no batch holds a person twice.
            queue = queue + [pid for pid in fresh if pid not in queue] + [pid for pid in fresh if pid in queue]
        drawn = list(dict.fromkeys(queue))[: self.num_pids]
        for pid in drawn:
            queue.remove(pid)
        return drawn, queue

    def _draw_images(self, rng: np.random.Generator, pid: int) -> list[int]:
        outfits = sorted(self.appearances[pid])
        if len(outfits) > self.max_appearances:
            outfits = sorted(rng.choice(outfits, self.max_appearances, replace=False).tolist())
        groups = [self.appearances[pid][outfit] for outfit in outfits]
        shares = self.share([len(group) for group in groups], self.num_images) if self.share else [self.num_images]
        drawn: list[int] = []
        for group, share in zip(groups, shares, strict=True):
            drawn += _draw(rng, group, share)
        return drawn


class PhotoSampler:
    """Batches of an `IdentitySampler` mixed with photos, each of which is drawn twice in a row.

    Photos are spread evenly among the persons, so that every process gets its share of both.

    Args:
        sampler: of the persons.
        photos: indices of the photos in the data set.
        num_photos: photos per batch, at most as many as there are.
    """

    drop_last = True

    def __init__(self, sampler: IdentitySampler, photos: Sequence[int], num_photos: int) -> None:
        if not 1 <= num_photos <= len(photos):
            raise ValueError(f'num_photos={num_photos} must be at least 1 and at most the {len(photos)} photos')
        self.sampler, self.photos, self.num_photos = sampler, list(photos), num_photos
        self.batch_size = sampler.batch_size + 2 * num_photos

    def start_at(self, epoch: int, first_batch: int = 0) -> None:
        """See `IdentitySampler.start_at`."""
        self.sampler.start_at(epoch, first_batch)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[Draw]]:
        first = self.sampler.first_batch
        for number, batch in enumerate(self.sampler, start=first):
            rng = np.random.default_rng((self.sampler.seed, self.sampler.epoch, number, 1))
            photos = rng.choice(self.photos, self.num_photos, replace=False).tolist()
            views = [[Draw(index, int(seed)) for seed in rng.integers(2**62, size=2)] for index in photos]
            persons = [batch[i : i + self.sampler.num_images] for i in range(0, len(batch), self.sampler.num_images)]
            yield [draw for group in _evenly_mixed(persons, views) for draw in group]


def _evenly_mixed(some: list, others: list) -> list:
    """Merge two lists, each in its order and spread evenly over the result."""
    places = [(i + 0.5) / len(part) for part in (some, others) for i in range(len(part))]
    return [item for _, item in sorted(zip(places, [*some, *others], strict=True), key=lambda pair: pair[0])]


def _draw(rng: np.random.Generator, group: list[int], number: int) -> list[int]:
    """Draw whole rounds of the group while it is too small, then the rest without replacement."""
    rounds, rest = divmod(number, len(group))
    return group * rounds + rng.choice(group, rest, replace=False).tolist()
