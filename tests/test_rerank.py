"""k-reciprocal re-ranking against its definition, written out with sets and full matrices."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import Labels, evaluate_blocks, evaluate_embeddings
from eval.rerank import Reranking, rerank

PAPER = Reranking(k1=20, k2=6, weight=0.3)


def slow_rerank(query, gallery, options):
    """-d*, from the equations in the docstring of `eval/rerank.py`."""
    pool = [*query, *gallery]
    images = range(len(pool))
    squared = [[float(sum((a - b) ** 2)) for b in pool] for a in pool]
    distance = [[value / (max(row) or 1) for value in row] for row in squared]
    order = [sorted(images, key=lambda j: (j != i, squared[i][j], j)) for i in images]

    def nearest(i, k):
        return set(order[i][: k + 1])

    def reciprocal(i, k):
        return {j for j in nearest(i, k) if i in nearest(j, k)}

    def expanded(i):
        own = reciprocal(i, options.k1)
        halves = [reciprocal(j, round(options.k1 / 2)) for j in own]
        return own.union(*(half for half in halves if 3 * len(half & own) >= 2 * len(half)))

    encoded = np.zeros((len(pool), len(pool)))
    for i in images:
        for j in expanded(i):
            encoded[i, j] = math.exp(-distance[i][j])
    encoded = np.array([encoded[order[i][: options.k2]].mean(0) for i in images])
    result = np.empty((len(query), len(gallery)))
    for i in range(len(query)):
        for g in range(len(gallery)):
            j = len(query) + g
            jaccard = 1 - np.minimum(encoded[i], encoded[j]).sum() / np.maximum(encoded[i], encoded[j]).sum()
            result[i, g] = -(1 - options.weight) * jaccard - options.weight * distance[i][j]
    return result


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def stacked(query, gallery, options=PAPER, **more):
    return np.concatenate(list(rerank(query, gallery, options, **more)))


SIZES = st.tuples(st.integers(1, 12), st.integers(1, 14))
OPTIONS = st.builds(Reranking, st.integers(1, 9), st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0]))


@settings(max_examples=250, deadline=None)
@given(SIZES, OPTIONS, st.integers(0, 10**6), st.booleans())
def test_distances_are_those_of_the_definition(sizes, options, seed, ties):
    rng = np.random.default_rng(seed)
    if ties:  # Four halves with signs: unit length and distances without rounding, so many of them are equal.
        query, gallery = (rng.choice([-0.5, 0.5], (size, 4)) for size in sizes)
    else:
        query, gallery = (unit(rng.normal(size=(size, 3))) for size in sizes)
    np.testing.assert_allclose(stacked(query, gallery, options), slow_rerank(query, gallery, options), atol=1e-9)


def test_default_options_are_those_of_the_paper():
    query, gallery = (unit(np.random.default_rng(seed).normal(size=(30, 5))) for seed in (0, 1))
    assert Reranking() == PAPER
    np.testing.assert_allclose(stacked(query, gallery), slow_rerank(query, gallery, PAPER), atol=1e-9)


def test_blocks_of_any_size_give_the_same():
    rng = np.random.default_rng(0)
    query, gallery = rng.choice([-0.5, 0.5], (9, 4)), rng.choice([-0.5, 0.5], (13, 4))
    for rows in (1, 2, 7, 100):
        np.testing.assert_array_equal(stacked(query, gallery, block_bytes=rows * 22 * 8), stacked(query, gallery))


def test_weight_1_ranks_as_without_re_ranking():
    rng = np.random.default_rng(0)
    query, gallery = unit(rng.normal(size=(8, 4))), unit(rng.normal(size=(12, 4)))
    order = np.argsort(-stacked(query, gallery, Reranking(weight=1.0)), axis=1)
    np.testing.assert_array_equal(order, np.argsort(-query @ gallery.T, axis=1))


def test_a_query_finds_its_person_over_another_image_of_it():
    """Images of a person along an arc: the far ones are near to each other, but not to the query."""
    angles = {1: np.arange(0, 60, 5), 2: np.arange(-75, -39, 6)}
    points = {pid: np.stack([np.cos(np.radians(a)), np.sin(np.radians(a))], 1) for pid, a in angles.items()}
    query, gallery = points[1][:1], np.concatenate([points[1][1:], points[2]])
    labels = Labels(np.array([1]), np.array([0]), np.array([0]))
    pids = np.repeat([1, 2], [11, 6])
    others = Labels(pids, np.ones_like(pids), np.ones_like(pids))
    plain = evaluate_embeddings(query, gallery, labels, others, 'general').figures()
    ranked = evaluate_blocks(rerank(query, gallery, Reranking(8, 3)), labels, others, 'general').figures()
    assert plain['mAP'] < 99 and ranked['mAP'] == pytest.approx(100)


def test_there_is_never_a_matrix_of_all_pairs():
    rng = np.random.default_rng(0)
    query, gallery = (unit(rng.normal(size=(n, 16))).astype(np.float32) for n in (150, 1350))
    tracemalloc.start()
    for block in rerank(query, gallery, Reranking(k1=4, k2=2), block_bytes=2**18):
        assert block.dtype == np.float32 and block.nbytes <= 2**18
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * (1500 * 1500 * 4)


@pytest.mark.parametrize('options, broken', [(Reranking(k1=0), 0), (Reranking(k2=0), 0), (Reranking(), np.nan)])
def test_wrong_input_is_refused(options, broken):
    query = np.array([[1.0, broken]])
    with pytest.raises(ValueError, match='finite' if np.isnan(broken) else 'k1 and k2'):
        list(rerank(query, np.array([[0.0, 1.0]]), options))
