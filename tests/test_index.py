"""`GalleryIndex`: exact search, filters, people, adding and removing, against slow and obvious versions of each."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.scale import PERSON
from eval.scale_index import people
from ifd_zoo.common.choices import APPROXIMATE
from ifd_zoo.index import GalleryIndex, GalleryIndexError, Row, SearchFilter, approximate, ranking
from ifd_zoo.predictor import rank_embeddings

KEY = {'model': 'a', 'weights_sha256': 'b', 'input_size': (256, 128)}
START = datetime(2026, 5, 31, 8, tzinfo=UTC)


def unit(vectors):
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_unit(number, dim=8, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((number, dim)))


def row(name, pid='', camid='', hours=0, sha256='0'):
    return Row(name, pid, camid, START + timedelta(hours=hours), sha256)


def rows_named(number, pids=lambda place: ''):
    return [row(f'{place:04d}.jpg', pids(place)) for place in range(number)]


def filled(folder, vectors, rows=None, key=KEY):
    index = GalleryIndex.open_or_create(folder, key, vectors.shape[1])
    index.add(rows or rows_named(len(vectors)), vectors)
    return index


def names_found(index, query, top_k=10, **options):
    return [match.name for match in index.search(query, top_k, **options)[0]]


def slow_search(vectors, query, top_k):
    """Names and similarities by loops over Python numbers."""
    similarity = {}
    for name, vector in vectors.items():
        products = (float(a) * float(b) for a, b in zip(vector.astype(np.float16), query, strict=True))
        similarity[name] = min(1.0, max(-1.0, round(math.fsum(products), 6)))
    return sorted(similarity.items(), key=lambda item: (-item[1], item[0]))[:top_k]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), batch=st.sampled_from([3, 2048]), top_k=st.integers(1, 40))
def test_a_search_finds_what_loops_find_with_ties_and_changing_rows(tmp_path_factory, data, batch, top_k):
    # Small whole numbers, so that many rows point the same way.
    number = st.tuples(*[st.integers(-2, 2)] * 4).filter(any)
    vectors = unit(data.draw(st.lists(number, min_size=2, max_size=30)))
    queries = unit(data.draw(st.lists(number, min_size=1, max_size=6)))
    cut = data.draw(st.integers(1, len(vectors) - 1))
    gone = data.draw(st.sets(st.integers(1, len(vectors) - 1)))
    rows = rows_named(len(vectors))
    index = filled(tmp_path_factory.mktemp('index'), vectors[cut:], rows[cut:])
    index.add(rows[:cut], vectors[-cut:])
    index.add(rows[:1], vectors[:1])  # in place of another vector
    index.remove([rows[place].name for place in gone])
    left = dict(zip([one.name for one in rows], [vectors[0], *vectors[-cut:][1:], *vectors[cut:]], strict=True))
    left = {name: vector for place, (name, vector) in enumerate(left.items()) if place not in gone}
    with pytest.MonkeyPatch.context() as patch:
        for module in ('ifd_zoo.index.ranking', 'ifd_zoo.index.table'):
            patch.setattr(f'{module}.BATCH', batch)
        results = index.search(queries, top_k)
    for query, found in zip(queries, results, strict=True):
        assert [(match.name, match.similarity) for match in found] == slow_search(left, query, top_k)


def test_the_order_is_that_of_rank_embeddings_but_for_rows_closer_than_a_thousandth(tmp_path):
    vectors = random_unit(500, 32)
    index = filled(tmp_path, vectors)
    queries = unit(vectors[:70] + 0.3 * random_unit(70, 32, seed=1))
    rankings = [*index.search(queries[:1], 500), *index.search(queries, 500)]
    for query, found in zip([queries[0], *queries], rankings, strict=True):
        expected = {f'{match.index:04d}.jpg': match.similarity for match in rank_embeddings(query, vectors, 500)}
        assert [match.similarity for match in found] == pytest.approx([expected[m.name] for m in found], abs=5e-4)
        assert [match.similarity for match in found] == sorted((m.similarity for m in found), reverse=True)


def test_an_index_is_the_same_when_opened_again_and_embeddings_are_known_by_content(tmp_path):
    vectors, rows = random_unit(3), [row('a', 'p', '1', 2, 'x'), row('b', 'q', '', 0, 'y'), row('c')]
    index = filled(tmp_path, vectors, rows)
    again = GalleryIndex.open(tmp_path, KEY)
    assert sorted(again.rows()) == rows and len(again) == index.check() == 3
    assert again.search(vectors, 3) == index.search(vectors, 3)
    assert again.search(vectors[0], 1)[0][0][:4] == rows[0][:4]
    assert np.allclose(again.embeddings()['b'], vectors[1], atol=1e-3)
    assert list(again.embeddings('sha256', {'y', 'none'})) == ['y'] and again.embeddings('sha256', ()) == {}


FILTERS = [
    (SearchFilter(), 'abcde'), (SearchFilter(pids=['p']), 'ac'),
    (SearchFilter(camids=['2', '3']), 'bcde'), (SearchFilter(['p', 'q'], ['2']), 'bc'),
    (SearchFilter(since=START + timedelta(hours=2)), 'cde'), (SearchFilter(until=START + timedelta(hours=2)), 'abc'),
    (SearchFilter(since=START + timedelta(hours=1), until=START + timedelta(hours=3)), 'bcd'),
    (SearchFilter(pids=["o'x"]), 'e'), (SearchFilter(pids=["' OR '1' = '1"]), ''),
    # A local time, as a user gives it.
    (SearchFilter(since=(START + timedelta(hours=4)).astimezone().replace(tzinfo=None)), 'e'),
]  # fmt: skip


def test_only_pictures_of_these_persons_cameras_and_times_are_searched(tmp_path):
    pids, camids = ['p', 'q', 'p', '', "o'x"], ['1', '2', '2', '3', '3']
    rows = [row(name, *known, hours) for hours, (name, *known) in enumerate(zip('abcde', pids, camids, strict=True))]
    index = filled(tmp_path, random_unit(5), rows)
    for only, expected in FILTERS:
        assert sorted(names_found(index, random_unit(1), only=only)) == list(expected), only
        assert [one.name for one in rows if only.allows(*one[1:4])] == list(expected), only


def test_people_are_found_by_their_best_pictures_however_many_they_have(tmp_path):
    near = unit(random_unit(1) + 0.1 * random_unit(300, seed=1))  # all of one person, before all others
    others = random_unit(40, seed=2)
    pids = ['many'] * 300 + [f'p{place // 4}' for place in range(36)] + [''] * 4
    vectors = np.concatenate([near, others])
    index = filled(tmp_path, vectors, rows_named(340, pids.__getitem__))
    query = random_unit(1)
    (found,) = index.search_people(query, 5)
    best = {}
    for match in index.search(query, 340)[0]:
        best.setdefault(match.pid, match)
    assert found == [match for pid, match in best.items() if pid][:5] and found[0].pid == 'many'
    assert {match.pid for match in index.search_people(query, 99)[0]} == set(best) - {''}
    assert [match.pid for match in index.search_people(query, 3, only=SearchFilter(['p1']))[0]] == ['p1']


def test_rows_are_removed_by_name_and_by_person(tmp_path):
    index = filled(tmp_path, random_unit(6), rows_named(6, lambda place: 'pq'[place % 2]))
    assert index.remove(['0000.jpg', 'none'], ['q']) == 4
    assert names_found(index, random_unit(1)) == names_found(GalleryIndex.open(tmp_path, KEY), random_unit(1))
    assert sorted(names_found(index, random_unit(1))) == ['0002.jpg', '0004.jpg']


def test_wrong_calls_are_refused_and_change_nothing(tmp_path):
    index = GalleryIndex.open_or_create(tmp_path, KEY, 8)
    index.add([], np.empty((0, 8)))
    with pytest.raises(GalleryIndexError, match='the index is empty'):
        index.search(random_unit(1))
    index.add(rows_named(3), random_unit(3))
    with pytest.raises(GalleryIndexError, match='has no approximate index; build one with'):
        index.search(random_unit(1), near=True)
    with pytest.raises(GalleryIndexError, match='3 rows are too few for hnsw; use exact search'):
        approximate.build(index, 'hnsw')
    with pytest.raises(ValueError, match='top_k must be at least 1'):
        index.search(random_unit(1), 0)
    with pytest.raises(ValueError, match='give \\(Q, 8\\)'):
        index.search(random_unit(1, 9))
    for bad in (2 * random_unit(1), np.full((1, 8), np.nan)):
        with pytest.raises(ValueError, match='a query is not of unit length'):
            index.search(bad)
        with pytest.raises(ValueError, match='an embedding is not of unit length'):
            index.add([row('x')], bad)
    with pytest.raises(ValueError, match='a name occurs twice'):
        index.add([row('x'), row('x')], random_unit(2))
    with pytest.raises(ValueError, match='give one of 8 for each'):
        index.add([row('x')], random_unit(2))
    for bad in (row('x\udcff'), row('x', 'p\udcff')):
        with pytest.raises(GalleryIndexError, match='is not UTF-8; rename it'):
            index.add([bad], random_unit(1))
    assert len(GalleryIndex.open(tmp_path, KEY)) == 3


def test_models_have_tables_of_their_own_and_another_key_is_refused_with_what_differs(tmp_path):
    filled(tmp_path, random_unit(2))
    other = {'model': 'a', 'weights_sha256': 'c' * 64, 'input_size': [256, 128]}
    with pytest.raises(GalleryIndexError) as caught:
        GalleryIndex.open(tmp_path, other)
    assert str(caught.value).startswith(f'{tmp_path}: was built with another model or setting (weights_sha256 is b,')
    assert 'input_size' not in str(caught.value)
    filled(tmp_path, random_unit(1, 5), key=other)
    assert [len(GalleryIndex.open(tmp_path, key)) for key in (KEY, other)] == [2, 1]
    assert len(GalleryIndex.all_at(tmp_path)) == 2
    with pytest.raises(GalleryIndexError, match='has embeddings of length 5, not 8'):
        GalleryIndex.open_or_create(tmp_path, other, 8)


@pytest.mark.parametrize('kind', APPROXIMATE)
def test_approximate_search_finds_most_with_exact_similarities_and_changing_rows(tmp_path, kind):
    vectors = people(0, 1500 // PERSON, 64)
    index = filled(tmp_path, vectors[:-1])
    _, recall = approximate.build(index, kind)
    assert recall >= 0.95
    index.remove(['0007.jpg'])
    index.add([row('new', 'p')], vectors[-1:])
    again = GalleryIndex.open(tmp_path, KEY)
    assert '0007.jpg' not in names_found(again, vectors[7], near=True)
    assert names_found(again, vectors[-1], 1, near=True) == ['new']
    assert names_found(again, vectors[-1], only=SearchFilter(['p'])) == ['new']
    assert again.search(vectors[8], 1, near=True) == again.search(vectors[8], 1)
    assert again.describe()['approximate'] and again.check() == 1499


def test_a_row_that_is_not_finite_is_refused_by_a_search():
    import pyarrow as pa

    batch = pa.record_batch({'vector': pa.FixedSizeListArray.from_arrays(pa.array([np.nan] * 8, pa.float16()), 8)})
    with pytest.raises(ValueError, match='an embedding is not finite'):
        ranking.rank_batches([batch], random_unit(1), 1)
