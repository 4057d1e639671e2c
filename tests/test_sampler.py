"""What holds for every batch: any data set, each way to draw a person's images, any number of processes."""

from collections import Counter

import pytest
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given, settings
from hypothesis import strategies as st

from train.sampler import SAMPLERS, IdentitySampler, PhotoSampler, equal_shares, proportional_shares

PEOPLE = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=7), min_size=3, max_size=9)
"""For each person the number of images of each outfit."""
SIZES = st.lists(st.integers(1, 500), min_size=1, max_size=8)
OUTFIT_SAMPLERS = [name for name, share in SAMPLERS.items() if share]


def labels_of(people):
    pids, clothes_ids = [], []
    for pid, outfits in enumerate(people):
        for outfit, images in enumerate(outfits):
            pids += [pid] * images
            clothes_ids += [pid * 100 + outfit] * images
    return pids, clothes_ids


def indices_of(sampler):
    return [[draw.index for draw in batch] for batch in sampler]


@pytest.mark.parametrize('name', SAMPLERS)
@settings(max_examples=40, deadline=None)
@given(PEOPLE, st.integers(1, 3), st.integers(1, 8), st.integers(0, 5))
def test_every_batch_has_p_distinct_persons_with_k_images_each(name, people, P, K, epoch):
    pids, clothes_ids = labels_of(people)
    sampler = IdentitySampler(pids, clothes_ids, P, K, 1, SAMPLERS[name])
    sampler.start_at(epoch)
    batches = indices_of(sampler)
    assert len(batches) == len(sampler) == max(1, len(pids) // (P * K))
    for batch in batches:
        count = Counter(pids[index] for index in batch)
        assert len(count) == P and set(count.values()) == {K}
        if name == 'pk':
            for pid in count:
                repeats = Counter(index for index in batch if pids[index] == pid)
                assert max(repeats.values()) == -(-K // sum(people[pid])) or K <= sum(people[pid]) == len(repeats)
                assert len(repeats) == min(K, sum(people[pid]))


@pytest.mark.parametrize('name', OUTFIT_SAMPLERS)
@settings(max_examples=40, deadline=None)
@given(PEOPLE, st.integers(1, 3), st.integers(1, 8), st.integers(1, 8))
def test_every_appearance_is_there_up_to_the_limit_and_no_image_twice_without_need(name, people, P, K, limit):
    pids, clothes_ids = labels_of(people)
    limit = min(limit, K)
    for batch in indices_of(IdentitySampler(pids, clothes_ids, P, K, 1, SAMPLERS[name], limit)):
        for pid in {pids[index] for index in batch}:
            drawn = Counter(clothes_ids[index] for index in batch if pids[index] == pid)
            assert len(drawn) == min(len(people[pid]), limit)
            for clothes_id, share in drawn.items():
                images = {index for index in batch if clothes_ids[index] == clothes_id}
                assert len(images) == min(share, people[pid][clothes_id % 100])


@given(SIZES, st.integers(0, 40))
def test_proportional_shares_lie_within_one_image_of_the_exact_proportion_of_what_is_free(sizes, extra):
    total = len(sizes) + extra
    shares = proportional_shares(sizes, total)
    assert sum(shares) == total and min(shares) >= 1
    # One image each is given; the rest follows what an appearance is still short of its exact share.
    short = [max(size / sum(sizes) * total - 1, 0) for size in sizes]
    for share, part in zip(shares, short, strict=True):
        exact = 1 + (part / sum(short) * extra if sum(short) else extra / len(sizes))
        assert abs(share - exact) < 1


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(1, 5))
def test_shares_are_exactly_proportional_when_that_is_possible(sizes, factor):
    assert proportional_shares(sizes, factor * sum(sizes)) == [factor * size for size in sizes]


@given(SIZES, st.integers(0, 40))
def test_equal_shares_differ_by_at_most_one_image(sizes, extra):
    shares = equal_shares(sizes, len(sizes) + extra)
    assert sum(shares) == len(sizes) + extra and max(shares) - min(shares) <= 1


@pytest.mark.parametrize('sizes, total, proportional, equal', [
    ([30, 10], 8, [6, 2], [4, 4]),
    ([98, 1, 1], 8, [6, 1, 1], [3, 3, 2]),
    ([5], 3, [3], [3]),
])
def test_shares_of_known_cases(sizes, total, proportional, equal):
    assert proportional_shares(sizes, total) == proportional and equal_shares(sizes, total) == equal


@pytest.mark.parametrize('share', [proportional_shares, equal_shares])
def test_more_outfits_than_images_are_refused(share):
    with pytest.raises(ValueError, match='cannot cover'):
        share([3, 3, 3], 2)


@pytest.mark.parametrize('name', SAMPLERS)
def test_any_number_of_processes_see_together_what_one_sees(name):
    sampler = IdentitySampler(*labels_of([[4, 9, 1]] * 11), 4, 4, 3, SAMPLERS[name])
    for processes in (2, 4):
        parts = [BatchSamplerShard(sampler, processes, rank, split_batches=True) for rank in range(processes)]
        assert [sum(slices, []) for slices in zip(*parts, strict=True)] == list(sampler)


def test_draws_follow_from_seed_epoch_and_batch_alone_and_each_image_has_a_seed_of_its_own():
    labels = labels_of([[4, 4]] * 8)
    first, again, other = (IdentitySampler(*labels, 4, 4, seed) for seed in (0, 0, 1))
    whole = list(first)
    assert whole == list(again) != list(other)
    again.start_at(0, 3)
    assert list(again) == whole[3:]
    again.start_at(1)
    assert indices_of(first) != indices_of(again)
    draws = [draw for batch in whole for draw in batch]
    assert len({draw.seed for draw in draws}) == len(draws)


def test_every_person_comes_up_equally_often_in_an_epoch():
    pids, clothes_ids = labels_of([[4, 4, 4, 4]] * 12)
    seen = Counter(pids[index] for batch in indices_of(IdentitySampler(pids, clothes_ids, 4, 8, 0)) for index in batch)
    assert len(seen) == 12 and max(seen.values()) - min(seen.values()) <= 8


@pytest.mark.parametrize('P, K, limit', [(5, 4, None), (0, 4, None), (2, 0, None), (2, 4, 5)])
def test_impossible_numbers_are_refused(P, K, limit):
    with pytest.raises(ValueError, match='num_pids'):
        IdentitySampler(*labels_of([[4, 4]] * 4), P, K, 0, max_appearances=limit)


@pytest.mark.parametrize('pid_draw, rich', [('even', 10), ('proportional', 40)])
def test_a_person_with_four_times_the_images_is_drawn_four_times_as_often_if_asked_for(pid_draw, rich):
    pids = [0] * 32 + [pid for pid in range(1, 9) for _ in range(8)]
    sampler = IdentitySampler(pids, [0] * len(pids), 2, 4, 1, None, pid_draw=pid_draw)
    count = Counter()
    while sampler.epoch < 40:
        count.update(pids[index] for batch in indices_of(sampler) for index in batch)
        sampler.start_at(sampler.epoch + 1)
    total = sum(count.values())
    poor = (total - count[0]) / 8
    assert count[0] / poor == pytest.approx(rich / 10, rel=0.15)


def test_photos_come_twice_in_a_row_evenly_among_the_persons_of_every_batch():
    pids = [pid for pid in range(8) for _ in range(6)]
    persons = IdentitySampler(pids, pids, 4, 2, 1, None)
    sampler = PhotoSampler(persons, range(100, 110), 4)
    batches = indices_of(sampler)
    assert len(batches) == len(sampler) == len(persons) and sampler.batch_size == 16
    for batch, alone in zip(batches, indices_of(persons), strict=True):
        assert [index for index in batch if index < 100] == alone
        photos = [index for index in batch if index >= 100]
        assert photos[::2] == photos[1::2] and len(set(photos)) == 4
        for half in (batch[:8], batch[8:]):  # of two processes
            assert sum(index >= 100 for index in half) == 4
    assert len({draw.seed for batch in sampler for draw in batch}) == 16 * len(sampler)


def test_a_resumed_run_draws_the_photos_of_an_uninterrupted_one():
    pids = [pid for pid in range(8) for _ in range(6)]
    sampler = PhotoSampler(IdentitySampler(pids, pids, 4, 2, 1, None), range(100, 110), 4)
    sampler.start_at(3)
    whole = list(sampler)
    sampler.start_at(3, 2)
    assert list(sampler) == whole[2:]


@pytest.mark.parametrize('num_photos', [0, 11])
def test_a_number_of_photos_that_cannot_be_drawn_is_refused(num_photos):
    with pytest.raises(ValueError, match='num_photos'):
        PhotoSampler(IdentitySampler([0, 1], [0, 1], 2, 1), range(2, 12), num_photos)
