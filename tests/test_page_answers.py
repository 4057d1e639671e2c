"""What the page opens with, and the sentences about evidence: by the written rules, whatever the weights."""

import re

import gradio as gr
import numpy as np
import pytest

from ifd_zoo.common.choices import DEFAULT_BASELINE, DEFAULT_MODEL
from ifd_zoo.common.errors import ZooError
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.page.__main__ import main
from ifd_zoo.page.model_comparison import ROLES
from ifd_zoo.page.models import Models
from ifd_zoo.page.opening import answers, example_result
from ifd_zoo.page.opening.compute import LEAST_MARGIN, MOST_BACKGROUND, Triple, choose_triples, example_pairs
from ifd_zoo.page.session import Sessions
from ifd_zoo.page.site import build_demo
from ifd_zoo.page.tabs import why_match
from ifd_zoo.uploads import Mark, mark, read_label

QUERIES, GALLERY = ({path.name for path in (EXAMPLES / kind).glob('*.jpg')} for kind in ('query', 'gallery'))


@pytest.fixture(scope='module')
def known():
    return answers.read_answers()


def test_the_answers_are_those_of_the_models_that_the_page_starts_with(known, tmp_path, capsys):
    """After a change of the default models, `python -m ifd_zoo.page` writes the file anew."""
    assert known.models == [DEFAULT_MODEL, DEFAULT_BASELINE]
    assert main(['--device', 'cpu', '--output', str(tmp_path / 'answers.json')]) == 0
    assert answers.read_answers(tmp_path / 'answers.json') == known
    assert f'{answers.most_different_query(known)}: right at' in capsys.readouterr().out


def test_each_query_is_answered_by_all_of_the_gallery(known):
    assert set(known.rankings) == QUERIES
    assert all(sorted(names) == sorted(GALLERY) for both in known.rankings.values() for names in both)


def test_the_page_opens_with_the_query_on_which_the_models_differ_most(known):
    swapped = known._replace(rankings={
        'p1_o0_c0.jpg': [['p1_o1_c0.jpg', 'p2_o0_c0.jpg'], ['p1_o1_c0.jpg', 'p2_o0_c0.jpg']],
        'p2_o0_c0.jpg': [['p2_o1_c0.jpg', 'p1_o0_c0.jpg'], ['p1_o0_c0.jpg', 'p2_o1_c0.jpg']],
    })  # fmt: skip
    assert answers.most_different_query(swapped) == 'p2_o0_c0.jpg'
    assert answers.average_precision([1, 3]) == pytest.approx((1 + 2 / 3) / 2)


def test_the_example_marks_each_answer_and_names_all_right_ranks(known):
    query, drawn = answers.most_different_query(known), example_result.draw(known)
    rows = drawn.split('<ol>')[1:]
    for row, ranking in zip(rows, known.rankings[query], strict=True):
        found = re.findall(r'<li class="(\w+)">.*?alt="Rank (\d+), (\w+).*?<span[^>]*>(\d+) (.)</span>', row, re.DOTALL)
        expected = [str(said) for said in answers.marks(query, ranking)][: example_result.SHOWN]
        assert [said for said, *_ in found] == [said for _, _, said, *_ in found] == expected
        assert [said == 'right' for said, *_ in found] == [sign == '\u2713' for *_, sign in found]
    says = re.sub(r'<[^>]+>', '', drawn[drawn.index('first-says') :])
    for ranking in known.rankings[query]:
        assert ', '.join(map(str, answers.right_ranks(query, ranking))) in says
    assert all(name in drawn for name in known.models) and 'src="data:image/webp' in drawn
    figures = [*known.test.other_clothes, *known.test.same_clothes] if known.test else []
    assert re.findall(r'([\d.]+)&nbsp;%', says) == list(map(str, figures))
    assert ('such searches' in says) == bool(figures)
    assert 'such searches' not in example_result.draw(known._replace(test=None))


def test_the_example_is_there_without_any_model():
    models = Models({'never': 'no_such_model'}, 'none', 'cpu')
    blocks = build_demo(models, Sessions()).blocks.values()
    (first,) = [one for one in blocks if isinstance(one, gr.HTML) and one.elem_id == 'first']
    assert first.value == example_result.draw(answers.read_answers()) and not models._predictors


def test_the_page_compares_the_models_that_its_example_shows():
    sources = dict.fromkeys([DEFAULT_MODEL, 'ifd_baseline_other', DEFAULT_BASELINE, 'another'], 'no_such_model')
    assert Models(sources, 'none', 'cpu').pair() == [DEFAULT_MODEL, DEFAULT_BASELINE]
    del sources[DEFAULT_BASELINE]
    assert Models(sources, 'none', 'cpu').pair() == [DEFAULT_MODEL, 'ifd_baseline_other']


# Examples of Compare


def test_the_examples_of_compare_are_what_they_say():
    triples = answers.example_triples()
    assert triples and all(len(triple) == len(ROLES) and all(path.is_file() for path in triple) for triple in triples)
    for triple in triples:
        anchor, positive, negative = (read_label(path.name) for path in triple)
        assert mark(anchor, positive) == 'right' and mark(anchor, negative) == 'wrong'


def triple(name, head, background):
    return Triple((name, name, name), shares(head, 0.0, 1 - head - background, background))


def test_examples_are_right_with_the_one_model_by_more_than_with_the_other():
    said = [Mark.RIGHT, Mark.WRONG, Mark.RIGHT, Mark.WRONG, Mark.UNKNOWN, Mark.RIGHT]
    first = np.array([0.6, 0.7, 0.5, 0.4, 0.9, 0.41])
    second = np.array([0.5, 0.4, 0.6, 0.65, 0.9, 0.1])
    assert example_pairs(said, first, second) == [(0, 3), (2, 3)]  # not the last, which is right by 0.01
    assert example_pairs(said, first, np.array([0.69, 0.4, 0.74, 0.65, 0.9, 0.1])) == [(0, 3)]  # 0.2 for 0.04


def test_examples_have_their_evidence_on_the_person():
    assert 0 < LEAST_MARGIN < MOST_BACKGROUND < 1
    best, other, behind = triple('a', 0.5, 0.2), triple('b', 0.3, 0.1), triple('c', 0.1, 0.9)
    assert choose_triples([[other, triple('b', 0.2, 0.0)], [], [behind], [best]]) == [best, other]
    assert choose_triples([[behind], [triple('d', 0.05, 0.95)]]) == [behind]
    with pytest.raises(ZooError, match='on no example'):
        choose_triples([[], []])


# Evidence in words


def shares(head, skin, clothing, background):
    return {'head': head, 'skin': skin, 'clothing': clothing, 'background': background}


@pytest.mark.parametrize(('given', 'said', 'unsaid'), [
    (shares(0.4, 0.1, 0.2, 0.3), 'on head and skin (50 %) than on clothing (20 %); 30 % lies on the back', 'little'),
    (shares(0.1, 0.1, 0.5, 0.3), 'on clothing (50 %) than on head and skin (20 %)', 'little'),
    (shares(0.2, 0.1, 0.1, 0.6), 'Most of the evidence (60 %) lies on the background, which says little', 'More of'),
    (shares(0.2, 0.1, 0.3, 0.4), 'The largest part of the evidence (40 %) lies on the background', 'Most of'),
    ({}, 'no evidence', '%'),
])  # fmt: skip
def test_a_sentence_says_what_its_figures_show(given, said, unsaid):
    assert said in why_match.explain_match(given) and unsaid not in why_match.explain_match(given)


def test_bars_show_the_shares_and_nothing_without_evidence():
    drawn = why_match.bars('Title', shares(0.4, 0.1, 0.2, 0.3))
    assert re.findall(r'<dt>(.*?)</dt>.*?width: ([\d.]+)%', drawn) == [
        ('head and hair', '40.0'), ('other skin', '10.0'), ('clothing', '20.0'), ('background', '30.0')
    ]  # fmt: skip
    assert why_match.bars('Title', {}) == ''
