"""Re-ID figures against a worked-out example and a slow double loop."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import Labels, evaluate, evaluate_blocks, evaluate_embeddings, similarity_blocks

MODES = ('general', 'cc', 'sc')
# One query: person 1, camera 0, outfit 10. The gallery by falling similarity:
#   pid cam outfit
#   1   0   10     same camera                    junk in every mode
#   2   1   20     another person                 wrong
#   1   1   10     same outfit, other camera      right in general and sc, junk in cc
#   1   2   11     other outfit, other camera     right in general and cc, junk in sc
#   2   2   20     another person                 wrong
#   1   0   11     other outfit, same camera      junk in every mode
#   1   3   11     other outfit, other camera     right in general and cc, junk in sc
QUERY = Labels(*np.array([[1, 0, 10]]).T)
GALLERY = Labels(*np.array([[1, 0, 10], [2, 1, 20], [1, 1, 10], [1, 2, 11], [2, 2, 20], [1, 0, 11], [1, 3, 11]]).T)
STRANGER = Labels(*np.array([[9, 0, 90]]).T)
SIMILARITY = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]])
EXAMPLE = {
    # ranking W R R W R: precision at the hits 1/2, 2/3, 3/5; the last hit at rank 5 of 3 hits
    'general': dict(rank1=0, rank5=100, rank10=100, mAP=100 * (1 / 2 + 2 / 3 + 3 / 5) / 3, mINP=100 * 3 / 5),
    # ranking W R W R
    'cc': dict(rank1=0, rank5=100, rank10=100, mAP=100 * (1 / 2 + 2 / 4) / 2, mINP=100 * 2 / 4),
    # ranking W R W
    'sc': dict(rank1=0, rank5=100, rank10=100, mAP=50, mINP=50),
}


def slow_scores(similarity, query, gallery, mode):
    """(query, rank of the first hit, AP, INP) of each valid query, by definition."""
    results = []
    images = list(zip(*gallery, strict=True))
    for position, (pid, camera, outfit) in enumerate(zip(*query, strict=True)):
        row, ranking = similarity[position], []
        for index in sorted(range(len(images)), key=lambda index: (-row[index], index)):
            image_pid, image_camera, image_outfit = images[index]
            same, other_camera, other_outfit = image_pid == pid, image_camera != camera, image_outfit != outfit
            right = other_camera and {'general': True, 'cc': other_outfit, 'sc': not other_outfit}[mode]
            if not same or right:
                ranking.append(same)
        hits = [rank for rank, hit in enumerate(ranking, 1) if hit]
        if hits:
            precision = [sum(ranking[:rank]) / rank for rank in hits]
            results.append((position, hits[0], sum(precision) / len(hits), len(hits) / hits[-1]))
    return results


def assert_scores(scores, expected):
    assert list(scores.query) == [row[0] for row in expected]
    assert list(scores.first_hit) == [row[1] for row in expected]
    for got, column in ((scores.average_precision, 2), (scores.inverse_penalty, 3)):
        np.testing.assert_allclose(got, [row[column] for row in expected], rtol=1e-12)


@st.composite
def samples(draw):
    """Embeddings and labels of a few images; dot products are exact, and with few levels most of them are ties."""
    queries, images = draw(st.integers(0, 8)), draw(st.integers(1, 24))
    people, cameras, outfits = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    levels, kind = draw(st.sampled_from([1, 2, 5, 10**6])), draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def side(size):
        pids = rng.integers(0, people, size)
        labels = Labels(pids, rng.integers(0, cameras, size), pids * 10 + rng.integers(0, outfits, size))
        embeddings = rng.integers(0, levels, (size, 2 if levels < 10 else 1))
        return embeddings.astype(kind), labels

    return *side(queries), *side(images)


@pytest.mark.parametrize('mode', MODES)
def test_worked_out_example(mode):
    figures = evaluate(SIMILARITY, QUERY, GALLERY, mode).figures()
    assert figures == pytest.approx({**EXAMPLE[mode], 'valid_queries': 1})


@settings(max_examples=600, deadline=None)
@given(samples(), st.sampled_from(MODES))
def test_scores_are_those_of_the_definition_with_ties_in_gallery_order(sample, mode):
    query_embeddings, query, gallery_embeddings, gallery = sample
    similarity = query_embeddings @ gallery_embeddings.T
    if query_embeddings.shape[1] == 1:  # one factor: of many levels, and with both signs
        similarity = similarity - similarity.mean().round() if similarity.size else similarity
    assert_scores(evaluate(similarity, query, gallery, mode), slow_scores(similarity, query, gallery, mode))


@settings(max_examples=200, deadline=None)
@given(samples(), st.sampled_from(MODES), st.integers(1, 9))
def test_blocks_of_any_size_give_the_same_scores(sample, mode, rows):
    query_embeddings, query, gallery_embeddings, gallery = sample
    whole = evaluate(query_embeddings @ gallery_embeddings.T, query, gallery, mode)
    size = rows * gallery_embeddings.nbytes // gallery_embeddings.shape[1]
    blocks = list(similarity_blocks(query_embeddings, gallery_embeddings, size))
    assert all(len(block) == rows for block in blocks[:-1])
    for scores in (
        evaluate_blocks(blocks, query, gallery, mode),
        evaluate_embeddings(query_embeddings, gallery_embeddings, query, gallery, mode),
    ):
        for one, other in zip(scores, whole, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('kind', [np.float16, np.int8, np.int64, bool])
def test_similarities_of_other_types_are_ranked_as_they_are(kind):
    similarity = np.array([[1, 0, 1, 0, 1, 1, 0]]).astype(kind)
    for mode in MODES:
        expected = slow_scores(similarity.astype(float), QUERY, GALLERY, mode)
        assert_scores(evaluate(similarity, QUERY, GALLERY, mode), expected)


def test_the_given_similarity_is_left_as_it_is():
    similarity = SIMILARITY.copy()
    evaluate(similarity, QUERY, GALLERY, 'cc')
    np.testing.assert_array_equal(similarity, SIMILARITY)


def test_queries_without_a_right_answer_are_left_out():
    query = Labels(*(np.concatenate(pair) for pair in zip(STRANGER, QUERY, strict=True)))
    scores = evaluate(np.ones((2, 7)), query, GALLERY, 'cc')
    assert scores.query.tolist() == [1] and scores.figures()['valid_queries'] == 1


@pytest.mark.parametrize('images', [slice(None), slice(0)])
def test_no_valid_query_gives_nan(images):
    gallery = GALLERY.take(images)
    scores = evaluate(np.ones((1, len(gallery.pids))), STRANGER, gallery, 'cc')
    figures = scores.figures()
    assert figures.pop('valid_queries') == 0 and np.isnan(list(figures.values())).all()
    assert np.isnan(scores.cmc()).all() and scores.cmc().shape == (50,)


def test_the_curve_rises_to_100_where_the_last_query_has_its_answer():
    gallery = Labels(np.arange(60), np.ones(60, int), np.arange(60))
    query = Labels(np.array([0, 3, 3, 59]), np.zeros(4, int), np.zeros(4, int))
    scores = evaluate(np.tile(-np.arange(60.0), (4, 1)), query, gallery, 'general')
    expected = [25] * 3 + [75] * 47
    np.testing.assert_allclose(scores.cmc(), expected)
    np.testing.assert_allclose(scores.cmc(60), expected + [75] * 9 + [100])


@pytest.mark.parametrize(
    'similarity, mode, message',
    [
        (SIMILARITY, 'dc', "mode must be general, cc or sc, got 'dc'"),
        (SIMILARITY.T, 'cc', r'similarity of shape \(7, 1\) for 1 queries and 7 gallery images'),
        (np.where(SIMILARITY < 0.4, np.nan, SIMILARITY), 'cc', 'similarity: row 0 .* not finite'),
        (np.where(SIMILARITY < 0.4, np.inf, SIMILARITY), 'cc', 'similarity: row 0 .* not finite'),
    ],
)
def test_wrong_similarities_are_refused(similarity, mode, message):
    with pytest.raises(ValueError, match=message):
        evaluate(similarity, QUERY, GALLERY, mode)


@pytest.mark.parametrize('side, value', [('query', np.nan), ('gallery', -np.inf)])
def test_embeddings_that_are_not_finite_are_named(side, value):
    embeddings = {'query': np.ones((3, 2)), 'gallery': np.ones((7, 2))}
    embeddings[side][2, 1] = value
    query = QUERY.take(np.zeros(3, int))
    with pytest.raises(ValueError, match=f'{side} embeddings: row 2 holds values that are not finite'):
        evaluate_embeddings(embeddings['query'], embeddings['gallery'], query, GALLERY, 'cc')


@pytest.mark.parametrize(
    'shapes, message', [([(3, 7)], 'rows'), ([(3, 7)] * 2, 'rows'), ([(2, 7)] * 3, 'rows'), ([(4, 6)], '7 images')]
)
def test_blocks_that_do_not_fit_the_labels_are_refused(shapes, message):
    query = QUERY.take(np.zeros(4, int))
    with pytest.raises(ValueError, match=message):
        evaluate_blocks([np.ones(shape) for shape in shapes], query, GALLERY, 'cc')


def test_the_size_of_prcc_takes_no_time():
    rng = np.random.default_rng(0)
    query, gallery = (
        Labels(rng.integers(0, 71, size), np.full(size, camera), np.full(size, camera))
        for size, camera in ((3543, 2), (3384, 0))
    )
    embeddings = [rng.normal(size=(len(labels.pids), 512)).astype(np.float32) for labels in (query, gallery)]
    start = time.process_time()  # of all threads; half a second, whatever else the machine does
    assert evaluate_embeddings(*embeddings, query, gallery, 'cc').figures()['valid_queries'] == 3543
    assert time.process_time() - start < 5


def test_memory_does_not_grow_with_the_number_of_pairs():
    rng = np.random.default_rng(0)
    query, gallery = (Labels(*rng.integers(0, 500, (3, size))) for size in (2000, 50000))
    embeddings = [rng.random((len(labels.pids), 8), dtype=np.float32) for labels in (query, gallery)]
    tracemalloc.start()
    assert evaluate_embeddings(*embeddings, query, gallery, 'general').figures()['valid_queries'] == 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 160e6 < 2000 * 50000 * 4
