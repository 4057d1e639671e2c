"""FAISS: flat gives the exact answers, the others most of them; rows come and go without making it again."""

import builtins

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifd_zoo.choices import FAISS_KINDS
from ifd_zoo.index import FaissSearch, GalleryIndex, GalleryIndexError, recall_at
from ifd_zoo.index.__main__ import main
from ifd_zoo.index.faiss_search import sample_queries
from tests.test_index import KEY, filled, names_of, random_unit, unit


@settings(max_examples=30, deadline=None)
@given(data=st.data(), top_k=st.integers(1, 200))
def test_flat_gives_the_exact_answers_with_ties_and_removed_and_new_rows(tmp_path_factory, data, top_k):
    number = st.tuples(*[st.integers(-1, 1)] * 4).filter(any)
    vectors = unit(data.draw(st.lists(number, min_size=2, max_size=150)))
    index = filled(tmp_path_factory.mktemp('index'), vectors[:-1])
    search = FaissSearch.build(index, 'flat')
    gone = data.draw(st.sets(st.integers(0, len(vectors) - 2)))
    index.remove([f'{row}.jpg' for row in gone])
    index.add(['new'], vectors[-1:])
    queries = unit(data.draw(st.lists(number, min_size=1, max_size=3)))
    assert search.search(queries, top_k) == index.search(queries, top_k)


@pytest.mark.parametrize('kind', FAISS_KINDS)
def test_rows_come_and_go_without_making_it_again(tmp_path, kind):
    vectors = random_unit(2100, 16)
    index = filled(tmp_path, vectors[:-1])
    FaissSearch.build(index, kind).save()
    index.remove(['7.jpg'])
    index.add(['new'], vectors[-1:])
    search = FaissSearch.open(GalleryIndex.open(tmp_path), kind)
    found = search.search(vectors[[7, -1, 8]], 3)
    assert '7.jpg' not in {match.name for match in found[0]}
    assert found[1][0].name == 'new' and found[2][0].name == '8.jpg'
    assert found[2][0].similarity == index.search(vectors[8], 1)[0][0].similarity
    assert recall_at(index, search, sample_queries(index, 50)) >= (1 if kind == 'flat' else 0.8)


@pytest.mark.parametrize('kind', FAISS_KINDS)
def test_all_rows_removed_but_new_ones(tmp_path, kind):
    vectors = random_unit(2051, 8)
    index = filled(tmp_path, vectors[:-1])
    search = FaissSearch.build(index, kind)
    index.add(['new'], vectors[-1:])
    index.remove(names_of(2050))
    assert [match.name for match in search.search(vectors[0], 5)[0]] == ['new']


def test_what_was_made_of_other_rows_or_damaged_is_refused(tmp_path):
    index = filled(tmp_path, random_unit(20))
    with pytest.raises(GalleryIndexError, match='there is none; make it again with python -m ifd_zoo.index faiss'):
        FaissSearch.open(index, 'flat')
    search = FaissSearch.build(index, 'flat')
    search.save()
    path = tmp_path / 'faiss-flat.index'
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b'x')
    with pytest.raises(GalleryIndexError, match='changed since it was written'):
        FaissSearch.open(index, 'flat')
    path.write_bytes(data)
    assert FaissSearch.open(index, 'flat').search(random_unit(1)) == index.search(random_unit(1))
    index.remove(['0.jpg'])
    index.compact()
    with pytest.raises(GalleryIndexError, match='was made of other rows'):
        FaissSearch.open(index, 'flat')
    with pytest.raises(GalleryIndexError, match='was compacted since'):
        search.search(random_unit(1))
    (tmp_path / 'faiss-flat.json').write_text('{')
    with pytest.raises(GalleryIndexError, match='faiss-flat.json: cannot be read'):
        FaissSearch.open(index, 'flat')


def test_too_few_rows_and_unknown_kinds_are_told_so(tmp_path):
    index = filled(tmp_path, random_unit(20))
    with pytest.raises(GalleryIndexError, match='20 rows are too few for ivfpq; take flat or hnsw'):
        FaissSearch.build(index, 'ivfpq')
    for make in (FaissSearch.build, FaissSearch.open):
        with pytest.raises(ValueError, match="unknown kind 'x'"):
            make(index, 'x')
    with pytest.raises(GalleryIndexError, match='the index is empty'):
        FaissSearch.build(GalleryIndex.create(tmp_path / 'empty', KEY, 8))


def test_without_faiss_it_says_what_to_install(tmp_path, monkeypatch):
    def refuse(name, *args, **kwargs):
        if name == 'faiss':
            raise ImportError("No module named 'faiss'")
        return imported(name, *args, **kwargs)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, '__import__', refuse)
    with pytest.raises(GalleryIndexError, match='pip install faiss-cpu, or search without it, which is exact'):
        FaissSearch.build(filled(tmp_path, random_unit(3)))


def test_the_command_prints_the_recall(tmp_path, capsys):
    filled(tmp_path, random_unit(300, 16))
    assert main(['faiss', '--index', str(tmp_path), '--kind', 'hnsw']) == 0
    text = capsys.readouterr().out
    assert f'{tmp_path}: hnsw over 300 images; recall@10 against exact search ' in text
    assert np.isclose(float(text.split()[-1]), 1, atol=0.1)
