"""Proportional RAS: what every batch promises, for any data set."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.sampler import ProportionalRASampler, proportional_shares

PEOPLE = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=7), min_size=3, max_size=9)
"""For each person the number of images of each outfit."""


def labels_of(people):
    pids, clothes_ids = [], []
    for pid, outfits in enumerate(people):
        for outfit, images in enumerate(outfits):
            pids += [pid] * images
            clothes_ids += [pid * 100 + outfit] * images
    return pids, clothes_ids


@settings(max_examples=60, deadline=None)
@given(PEOPLE, st.integers(1, 3), st.integers(1, 8), st.integers(0, 5))
def test_every_batch_has_p_persons_with_k_images_each_and_every_outfit_that_fits(people, P, K, epoch):
    pids, clothes_ids = labels_of(people)
    sampler = ProportionalRASampler(pids, clothes_ids, P, K, seed=1)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(batches) == len(sampler) == max(1, len(pids) // (P * K))
    for batch in batches:
        count = Counter(pids[index] for index in batch)
        assert len(count) == P and set(count.values()) == {K}
        for pid in count:
            drawn = Counter(clothes_ids[index] for index in batch if pids[index] == pid)
            assert len(drawn) == min(len(people[pid]), K)
            for clothes_id, share in drawn.items():
                images = [index for index in batch if clothes_ids[index] == clothes_id]
                available = people[pid][clothes_id % 100]
                assert share > available or len(set(images)) == share  # no image twice while there are enough


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.integers(0, 40))
def test_shares_cover_every_outfit_and_sum_to_k(sizes, extra):
    total = len(sizes) + extra
    shares = proportional_shares(sizes, total)
    assert sum(shares) == total and min(shares) >= 1
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    assert all(shares[a] <= shares[b] + (sizes[a] == sizes[b]) for a, b in zip(order, order[1:], strict=False))


@pytest.mark.parametrize(
    'sizes, total, expected', [([10, 10], 8, [4, 4]), ([30, 10], 8, [6, 2]), ([98, 1, 1], 8, [6, 1, 1]), ([5], 3, [3])]
)
def test_shares_are_proportional(sizes, total, expected):
    assert proportional_shares(sizes, total) == expected


def test_the_same_seed_and_epoch_give_the_same_batches_and_others_do_not():
    labels = labels_of([[4, 4]] * 8)
    first, again, other = (ProportionalRASampler(*labels, 4, 4, seed) for seed in (0, 0, 1))
    assert list(first) == list(again) != list(other)
    again.set_epoch(1)
    assert list(first) != list(again)


def test_every_person_comes_up_equally_often_in_an_epoch():
    pids, clothes_ids = labels_of([[4, 4, 4, 4]] * 12)
    batches = list(ProportionalRASampler(pids, clothes_ids, 4, 8, 0))
    seen = Counter(pids[index] for batch in batches for index in batch)
    assert len(seen) == 12 and max(seen.values()) - min(seen.values()) <= 8


def test_a_number_limits_the_outfits_of_a_person():
    pids, clothes_ids = labels_of([[4] * 6] * 4)
    for batch in ProportionalRASampler(pids, clothes_ids, 2, 8, 0, max_appearances=3):
        assert len({clothes_ids[index] for index in batch}) == 2 * 3


@pytest.mark.parametrize('P, K, limit', [(5, 4, None), (0, 4, None), (2, 0, None), (2, 4, 5)])
def test_impossible_numbers_are_refused(P, K, limit):
    with pytest.raises(ValueError, match='num_pids'):
        ProportionalRASampler(*labels_of([[4, 4]] * 4), P, K, 0, limit)
