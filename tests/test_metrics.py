"""Re-ID figures against a worked-out example and a slow double loop."""

import numpy as np
import pytest

from eval.metrics import evaluate, judge

# One query: person 1, camera 0, outfit 10. The gallery by falling similarity:
#   pid cam outfit
#   1   0   10     same camera                    junk in every mode
#   2   1   20     another person                 wrong
#   1   1   10     same outfit, other camera      right in general and sc, junk in cc
#   1   2   11     other outfit, other camera     right in general and cc, junk in sc
#   2   2   20     another person                 wrong
#   1   0   11     other outfit, same camera      junk in every mode
#   1   3   11     other outfit, other camera     right in general and cc, junk in sc
GALLERY = np.array([[1, 0, 10], [2, 1, 20], [1, 1, 10], [1, 2, 11], [2, 2, 20], [1, 0, 11], [1, 3, 11]])
SIMILARITY = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]])
EXAMPLE = {
    # ranking W R R W R: precision at the hits 1/2, 2/3, 3/5; the last hit at rank 5 of 3 hits
    'general': dict(rank1=0, rank5=100, rank10=100, mAP=100 * (1 / 2 + 2 / 3 + 3 / 5) / 3, mINP=100 * 3 / 5),
    # ranking W R W R
    'cc': dict(rank1=0, rank5=100, rank10=100, mAP=100 * (1 / 2 + 2 / 4) / 2, mINP=100 * 2 / 4),
    # ranking W R W
    'sc': dict(rank1=0, rank5=100, rank10=100, mAP=50, mINP=50),
}


def slow_figures(similarity, q, g, mode):
    """(rank-1, AP, INP) of each valid query, by definition."""
    results = []
    for row, (pid, camera, outfit) in zip(similarity, q, strict=True):
        ranking = []
        for index in sorted(range(len(g)), key=lambda index: (-row[index], index)):
            same, other_camera, other_outfit = g[index][0] == pid, g[index][1] != camera, g[index][2] != outfit
            right = other_camera and {'general': True, 'cc': other_outfit, 'sc': not other_outfit}[mode]
            if not same or right:
                ranking.append(same)
        hits = [rank for rank, hit in enumerate(ranking, 1) if hit]
        if hits:
            precision = [sum(ranking[:rank]) / rank for rank in hits]
            results.append((hits[0] == 1, np.mean(precision), len(hits) / hits[-1]))
    return results


def random_world(seed, queries=20, gallery=60):
    rng = np.random.default_rng(seed)

    def draw(n):
        pids = rng.integers(0, 6, n)
        return np.stack([pids, rng.integers(0, 3, n), pids * 10 + rng.integers(0, 3, n)], 1)

    similarity = rng.integers(0, 8, (queries, gallery)) / 8  # many ties
    return similarity, draw(queries), draw(gallery)


def call(similarity, q, g, mode):
    return evaluate(similarity, q[:, 0], g[:, 0], q[:, 1], g[:, 1], q[:, 2], g[:, 2], mode)


@pytest.mark.parametrize('mode', EXAMPLE)
def test_worked_out_example(mode):
    figures = call(SIMILARITY, np.array([[1, 0, 10]]), GALLERY, mode)
    assert figures == pytest.approx({**EXAMPLE[mode], 'valid_queries': 1})


@pytest.mark.parametrize('mode', ['general', 'cc', 'sc'])
@pytest.mark.parametrize('seed', range(4))
def test_figures_equal_the_definition_with_ties_in_gallery_order(mode, seed):
    similarity, q, g = random_world(seed)
    expected = slow_figures(similarity, q, g, mode)
    figures = call(similarity, q, g, mode)
    assert figures['valid_queries'] == len(expected)
    got = [figures['rank1'], figures['mAP'], figures['mINP']]
    assert got == pytest.approx(list(100 * np.mean(np.array(expected, dtype=float), 0)))


def test_queries_without_a_right_answer_are_left_out():
    similarity, q, g = np.ones((2, 7)), np.array([[1, 0, 10], [9, 0, 90]]), GALLERY
    assert call(similarity, q, g, 'cc')['valid_queries'] == 1


def test_no_valid_query_gives_nan():
    figures = call(np.ones((1, 7)), np.array([[9, 0, 90]]), GALLERY, 'cc')
    assert figures['valid_queries'] == 0 and np.isnan(figures['rank1']) and np.isnan(figures['mAP'])


def test_junk_and_relevant_never_overlap():
    _, q, g = random_world(0)
    for mode in ('general', 'cc', 'sc'):
        relevant, junk = judge(q[:, 0], g[:, 0], q[:, 1], g[:, 1], q[:, 2], g[:, 2], mode)
        assert not (relevant & junk).any()


@pytest.mark.parametrize(
    'similarity, mode, word',
    [(SIMILARITY, 'dc', 'mode'), (SIMILARITY.T, 'cc', 'shape'), (SIMILARITY * np.nan, 'cc', 'finite')],
)
def test_wrong_input_is_refused(similarity, mode, word):
    with pytest.raises(ValueError, match=word):
        call(similarity, np.array([[1, 0, 10]]), GALLERY, mode)
