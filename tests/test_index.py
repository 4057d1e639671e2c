"""`GalleryIndex`: exact search, adding, removing and merging, against slow and obvious versions of each."""

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ifd_zoo.index import GalleryIndex, GalleryIndexError, exact
from ifd_zoo.predictor import rank_embeddings

KEY = {'model': 'a', 'weights_sha256': 'b', 'input_size': (256, 128)}


def unit(vectors):
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_unit(number, dim=8, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((number, dim)))


def names_of(number):
    return [f'{row}.jpg' for row in range(number)]


def filled(folder, vectors, dtype='fp16', **more):
    index = GalleryIndex.create(folder, KEY, vectors.shape[1], dtype)
    index.add(names_of(len(vectors)), vectors, **more)
    return index


def slow_search(vectors, alive, query, top_k):
    """Rows and similarities by loops over Python numbers."""
    similarity = {}
    for row, vector in enumerate(vectors):
        if alive[row]:
            products = (float(a) * float(b) for a, b in zip(vector, query, strict=True))
            similarity[row] = min(1.0, max(-1.0, round(math.fsum(products), 6)))
    best = sorted(similarity, key=lambda row: (-similarity[row], row))[:top_k]
    return [(row, similarity[row]) for row in best]


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    dtype=st.sampled_from(['fp16', 'fp32']),
    half=st.booleans(),
    scores=st.sampled_from([1, 60, 10**6]),
)
def test_a_search_finds_what_loops_find_with_ties_and_removed_rows(tmp_path_factory, data, dtype, half, scores):
    # Small whole numbers, so that many rows point the same way.
    number = st.tuples(*[st.integers(-2, 2)] * 4).filter(any)
    vectors = unit(data.draw(st.lists(number, min_size=1, max_size=30)))
    queries = unit(data.draw(st.lists(number, min_size=1, max_size=6)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(vectors)), max_size=4)))
    gone = data.draw(st.sets(st.integers(0, len(vectors) - 1), max_size=len(vectors) - 1))
    top_k = data.draw(st.integers(1, 40))
    index = GalleryIndex.create(tmp_path_factory.mktemp('index'), KEY, 4, dtype)
    names = names_of(len(vectors))
    for part in map(slice, [0, *cuts], [*cuts, None]):
        index.add(names[part], vectors[part])
    index.remove([names[row] for row in gone])
    alive = [row not in gone for row in range(len(vectors))]
    stored = vectors.astype(np.float16 if dtype == 'fp16' else np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, 'half_is_accurate', lambda dim: half)
        patch.setattr(exact, 'CHUNK', 3)
        patch.setattr(exact, 'SCORES', scores)
        patch.setattr(exact, 'QUERY_BLOCK', (2, 2))
        results = index.search(queries, top_k)
    for query, found in zip(queries, results, strict=True):
        expected = slow_search(stored, alive, query, top_k)
        assert [match.row for match in found] == [row for row, _ in expected]
        assert [match.similarity for match in found] == pytest.approx([value for _, value in expected], abs=1e-9)
        assert [match.name for match in found] == [names[row] for row, _ in expected]


@pytest.mark.parametrize('threads', [1, 3])
@pytest.mark.parametrize('queries', [1, 4, 5, 70, 300])
def test_the_order_is_that_of_rank_embeddings(tmp_path, set_threads, queries, threads):
    set_threads(threads)
    vectors = random_unit(500, 32)
    vectors[100:120] = vectors[3]
    index = filled(tmp_path, vectors, 'fp32')
    wanted = unit(vectors[:queries] + 0.3 * random_unit(queries, 32, seed=1))
    for query, found in zip(wanted, index.search(wanted, 25), strict=True):
        expected = rank_embeddings(query, vectors, 25)
        assert [match.row for match in found] == [match.index for match in expected]
        assert [match.similarity for match in found] == pytest.approx([m.similarity for m in expected], abs=2e-6)


def test_float16_changes_places_only_of_rows_closer_than_a_thousandth(tmp_path):
    vectors = unit(random_unit(1, 64) + 0.02 * random_unit(800, 64, seed=1))
    index = filled(tmp_path, vectors)
    similarity = vectors.astype(np.float64) @ vectors[7]
    found = index.search(vectors[7], len(vectors))[0]
    assert sorted(match.row for match in found) == list(range(len(vectors)))
    ordered = similarity[[match.row for match in found]]
    assert (np.maximum.accumulate(ordered[::-1])[::-1] - ordered).max() < 1e-3
    assert max(abs(match.similarity - similarity[match.row]) for match in found) < 5e-4


def test_the_fast_product_of_this_torch_is_within_its_bound():
    for dim in (4, 512, 2048):
        positive = unit(np.abs(random_unit(300, dim, seed=dim)))
        rows, query = torch.from_numpy(positive).half(), torch.from_numpy(positive[0])
        error = (torch.mv(rows, query.half()).double() - torch.mv(rows.double(), query.double())).abs().max()
        assert not exact.half_is_accurate(dim) or error < exact.HALF_ERROR
    assert not exact.half_is_accurate(4096)


def test_an_index_is_the_same_when_opened_again(tmp_path):
    vectors = random_unit(20)
    index = filled(tmp_path, vectors, labels=[f'p{row // 4}' for row in range(20)])
    index.remove(['3.jpg'], ['p2'])
    again = GalleryIndex.open(tmp_path, KEY)
    assert len(again) == len(index) == 15 and again.names() == index.names()
    assert again.search(vectors[:3], 30) == index.search(vectors[:3], 30)
    assert '3.jpg' not in again and '4.jpg' in again and again.search(vectors[4])[0][0].label == 'p1'


def test_a_name_added_again_replaces_its_row(tmp_path):
    vectors = random_unit(6)
    index = filled(tmp_path, vectors[:4])
    index.add(['1.jpg', 'new'], vectors[4:])
    for one in (index, GalleryIndex.open(tmp_path)):
        assert one.names() == ['0.jpg', '2.jpg', '3.jpg', '1.jpg', 'new'] and len(one) == 5
        assert [match.name for match in one.search(vectors[4], 1)[0]] == ['1.jpg']


def test_unknown_names_and_labels_are_named_and_nothing_is_removed(tmp_path):
    index = filled(tmp_path, random_unit(3), labels=['p', 'p', 'q'])
    with pytest.raises(GalleryIndexError, match="no name 'x', no label 'y' in this index; nothing was removed"):
        index.remove(['0.jpg', 'x'], ['q', 'y'])
    assert len(GalleryIndex.open(tmp_path)) == 3


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=6), gone=st.sets(st.integers(0, 41)), rows=st.integers(1, 9)
)
def test_compacting_keeps_names_order_and_answers(tmp_path_factory, sizes, gone, rows):
    folder, vectors = tmp_path_factory.mktemp('index'), random_unit(sum(sizes))
    index, names, start = GalleryIndex.create(folder, KEY, 8), names_of(len(vectors)), 0
    for size in sizes:
        index.add(names[start : start + size], vectors[start : start + size], labels=names[start : start + size])
        start += size
    index.remove([names[row] for row in gone if row < len(names)])
    left = [name for row, name in enumerate(names) if row not in gone]
    before = [] if not left else index.search(vectors[0], len(vectors))[0]
    index.compact(rows)
    again = GalleryIndex.open(folder)
    assert index.names() == again.names() == left
    assert [entry.rows for entry in again.manifest.shards[:-1]] == [rows] * (len(again.manifest.shards) - 1)
    assert {path.name for path in folder.iterdir()} == {'manifest.json', *again.manifest.files()}
    if left:
        after = again.search(vectors[0], len(vectors))[0]
        assert [match[:3] for match in after] == [match[:3] for match in before]


def test_a_new_index_can_be_searched_at_once_and_an_empty_one_says_so(tmp_path):
    index = GalleryIndex.create(tmp_path, KEY, 8)
    with pytest.raises(GalleryIndexError, match='the index is empty'):
        index.search(random_unit(1))
    index.add([], np.empty((0, 8)))
    index.add(['a'], random_unit(1))
    assert index.search(random_unit(1))[0][0][:3] == ('a', '', pytest.approx(1, abs=1e-3))
    index.remove(['a'])
    with pytest.raises(GalleryIndexError, match='the index is empty'):
        index.search(random_unit(1))


def test_calls_that_do_not_fit_are_told_so(tmp_path):
    index = filled(tmp_path, random_unit(3))
    with pytest.raises(ValueError, match='top_k must be at least 1'):
        index.search(random_unit(1), 0)
    with pytest.raises(ValueError, match='give \\(Q, 8\\)'):
        index.search(random_unit(1, 9))
    for bad in (2 * random_unit(1), np.full((1, 8), np.nan)):
        with pytest.raises(ValueError, match='a query is not of unit length'):
            index.search(bad)
        with pytest.raises(ValueError, match='an embedding is not of unit length'):
            index.add(['x'], bad)
    with pytest.raises(ValueError, match='a name is there twice'):
        index.add(['x', 'x'], random_unit(2))
    with pytest.raises(ValueError, match='give one row of 8 for each'):
        index.add(['x'], random_unit(2))
    with pytest.raises(ValueError, match='no SHA-256'):
        index.add(['x'], random_unit(1), [b'short'])
    assert len(GalleryIndex.open(tmp_path)) == 3


def test_an_index_of_another_key_is_refused_with_what_differs(tmp_path):
    index = filled(tmp_path, random_unit(2))
    other = {'model': 'a', 'weights_sha256': 'c' * 64, 'input_size': [256, 128]}
    for refuse in (lambda: GalleryIndex.open(tmp_path, other), lambda: index.require_key(other)):
        with pytest.raises(GalleryIndexError) as caught:
            refuse()
        assert str(caught.value).startswith(f'{tmp_path}: was built by another model or setting (weights_sha256 is b, ')
        assert 'input_size' not in str(caught.value) and 'build into another folder' in str(caught.value)
    with pytest.raises(GalleryIndexError, match='there is an index already'):
        GalleryIndex.create(tmp_path, KEY, 8)


def test_a_second_writer_is_refused_and_readers_go_on(tmp_path):
    vectors = random_unit(6)
    reader, first, second = filled(tmp_path, vectors[:3]), GalleryIndex.open(tmp_path), GalleryIndex.open(tmp_path)
    first.add(['new'], vectors[3:4])
    first.compact()
    for write in (lambda: second.add(['x'], vectors[4:5]), lambda: second.remove(['0.jpg']), second.compact):
        with pytest.raises(GalleryIndexError, match='another process has written to this index; open it again'):
            write()
    assert len(reader.search(vectors[0])[0]) == 3
    assert GalleryIndex.open(tmp_path).names() == ['0.jpg', '1.jpg', '2.jpg', 'new']


def test_names_of_any_kind_come_back(tmp_path):
    names = ['', 'a b/ü.jpg', '人.png', 'not utf-8 \udcff.jpg', '\n']
    GalleryIndex.create(tmp_path, KEY, 8).add(names, random_unit(5), labels=names[::-1])
    index = GalleryIndex.open(tmp_path)
    assert index.names() == names
    assert {match.name: match.label for match in index.search(random_unit(1))[0]} == dict(
        zip(names, names[::-1], strict=True)
    )


def test_rows_are_found_by_what_they_were_made_from_even_when_removed(tmp_path):
    vectors, contents = random_unit(3), [hashlib.sha256(bytes([row])).digest() for row in range(3)]
    index = filled(tmp_path, vectors, contents=contents)
    index.remove(['1.jpg'])
    assert np.abs(index.table.find(contents[1]) - vectors[1]).max() < 1e-3
    assert index.table.find(bytes(32)) is None and index.table.state('1.jpg') is None
    assert index.table.state('2.jpg') == (contents[2], '')


@pytest.mark.parametrize('asked_before', [True, False])
def test_rows_that_are_added_are_found_by_what_they_were_made_from(tmp_path, asked_before):
    vectors = random_unit(2)
    index = filled(tmp_path, vectors[:1])
    if asked_before:
        assert index.table.find(bytes(32)) is None
    index.add(['new'], vectors[1:], [bytes(32)])
    assert np.abs(index.table.find(bytes(32)) - vectors[1]).max() < 1e-3
