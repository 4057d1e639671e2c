"""The page of a measurement: right pictures in the right order, nothing from the network, safe with any file name."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from eval.metrics import Labels
from eval.reports.metric_tables import distinct_records, measure
from eval.reports.page import write_html
from eval.reports.ranklists import Sides, choose_queries, rank_lists
from ifd_zoo.datasets import DatasetError, Protocol, Record, load_dataset
from tests.browser import browser_or_skip, open_browser, open_page
from tests.trees import write_folder_tree

HOSTILE = '<img src=x onerror=alert(1)>&"\''


class Page(HTMLParser):
    """What the tests ask about a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text, self.lists = [], [], [], []
        self.feed(text)
        self.text = ' '.join(' '.join(self.text).split())

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        addresses = [values[key] for key in ('src', 'href') if key in values]
        self.addresses += [address for address in addresses if not address.startswith('#')]  # those are in the page
        if values.get('class') == 'list':
            self.lists.append([])
        if tag == 'li' and values.get('class', '').startswith('answer '):
            self.lists[-1].append((values['class'].removeprefix('answer '), []))
        if tag == 'img' and self.lists and self.lists[-1]:
            self.lists[-1][-1][1].append(values['title'])

    def handle_data(self, data):
        self.text.append(data)
        if self.lists and self.lists[-1] and data.strip():
            self.lists[-1][-1][1].append(data.strip())


def unit(rng, count, size=8):
    vectors = rng.standard_normal((count, size))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_sides(seed, mode, queries=9, images=60):
    rng = np.random.default_rng(seed)

    def records(count):
        labels = rng.integers(0, (4, 3, 3), (count, 3)).tolist()
        # Outfits belong to persons.
        return tuple(Record(f'{count}-{i}', pid, cam, 10 * pid + outfit) for i, (pid, cam, outfit) in enumerate(labels))

    protocol = Protocol(mode, mode, records(queries), records(images))
    return Sides(protocol, protocol.query + protocol.gallery, unit(rng, queries + images))


def count_pair(mode, query, image):
    """right, junk or wrong, by the words of the protocols."""
    if query.pid != image.pid:
        return 'wrong'
    other_camera, other_outfit = query.camid != image.camid, query.clothes_id != image.clothes_id
    right = other_camera and {'general': True, 'cc': other_outfit, 'sc': not other_outfit}[mode]
    return 'right' if right else 'junk'


@pytest.mark.parametrize('mode', ['general', 'cc', 'sc'])
def test_rank_lists_are_those_of_a_slow_obvious_version(mode):
    sides = make_sides(0, mode)
    for position, query in enumerate(sides.protocol.query):
        expected, ranked, junk = [], 0, 0
        similarity = sides.gallery @ sides.query[position]
        for index in sorted(range(len(similarity)), key=lambda i: -similarity[i]):
            if ranked == 10:
                break
            kind = count_pair(mode, query, sides.protocol.gallery[index])
            ranked += kind != 'junk'
            junk += kind == 'junk'
            if kind != 'junk' or junk <= 4:
                expected.append((sides.protocol.gallery[index], kind, ranked if kind != 'junk' else None))
        answers, more = sides.rank_list(position)
        kinds = ['junk' if a.rank is None else 'right' if a.right else 'wrong' for a in answers]
        assert [(a.record, k, a.rank) for a, k in zip(answers, kinds, strict=True)] == expected
        assert more == max(0, junk - 4)
        assert [a.similarity for a in answers] == sorted((a.similarity for a in answers), reverse=True)


def test_a_gallery_of_fewer_images_is_shown_whole_and_much_junk_is_only_counted():
    query = Record('q', 1, 0, 10)
    gallery = (*(Record(f'j{i}', 1, 0, 10) for i in range(7)), Record('r', 1, 1, 11), Record('w', 2, 1, 20))
    embeddings = np.array([[1, 0], *[[1, 0]] * 7, [0.8, 0.6], [0.6, 0.8]], np.float32)
    sides = Sides(Protocol('cc', 'cc', (query,), gallery), (query, *gallery), embeddings)
    (one,) = rank_lists(sides, sides.scores(), [0])
    assert [a.record.path for a in one.answers] == ['j0', 'j1', 'j2', 'j3', 'r', 'w'] and one.more_junk == 3
    assert [a.rank for a in one.answers] == [None] * 4 + [1, 2]
    assert (one.average_precision, one.first_hit) == (1, 1)


@pytest.mark.parametrize('mode', ['general', 'cc', 'sc'])
def test_the_histogram_counts_every_pair_that_counts_once(mode):
    sides = make_sides(1, mode)
    edges, counts = sides.histogram()
    assert len(edges) == counts.shape[1] + 1 <= 51
    expected = np.zeros_like(counts)
    for q, query in enumerate(sides.protocol.query):
        for g, image in enumerate(sides.protocol.gallery):
            kind = count_pair(mode, query, image)
            if kind != 'junk':
                place = np.searchsorted(edges, float(sides.query[q] @ sides.gallery[g]), side='right') - 1
                expected[int(kind == 'wrong'), min(place, len(edges) - 2)] += 1
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum(0)[[0, -1]].any()


def test_equal_embeddings_are_counted_in_the_last_bin():
    sides = make_sides(2, 'general', queries=2, images=3)
    sides.query, sides.gallery = (np.ones((n, 4), np.float32) / 1.9999 for n in (2, 3))  # a dot product above 1
    sides.labels = Labels(*np.zeros((3, 2), int)), Labels(*np.array([[0] * 3, [1] * 3, [0] * 3]))
    edges, counts = sides.histogram()
    assert edges.tolist() == pytest.approx([0.99, 1]) and counts.tolist() == [[6], [0]]


def test_queries_are_the_best_the_worst_and_a_seeded_draw():
    scores = make_sides(3, 'general', queries=30).scores()
    chosen = choose_queries(scores, 3, seed=5)
    precision = scores.average_precision
    assert sorted(precision[chosen['best']], reverse=True) == sorted(precision, reverse=True)[:3]
    assert sorted(precision[chosen['worst']]) == sorted(precision)[:3]
    assert len(set(chosen['random'])) == 3
    assert choose_queries(scores, 3, seed=5) == chosen
    assert any(choose_queries(scores, 3, seed)['random'] != chosen['random'] for seed in range(4))
    assert all(len(places) == len(precision) for places in choose_queries(scores, 99, 0).values())


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    """Arguments of `write_html` behind the path; a person's folder has a name that is HTML."""
    root = write_folder_tree(tmp_path_factory.mktemp('data'), train=0, test=4)
    for split in ('query', 'gallery', 'parsing/query', 'parsing/gallery'):
        (root / split / '0002').rename(root / split / HOSTILE)
    protocols = load_dataset('folder', root).protocols
    records = distinct_records(protocols)
    embeddings = unit(np.random.default_rng(0), len(records))
    report = {
        'model': 'ifd_<b>.tag', 'weights_sha256': 'a' * 64, 'seed': None, 'data': 'folder', 'masks': 'bundled',
        'feature': 'neck', 'flip': True, 'precision': 'fp32', 'rerank': None, 'paper': {},
        'protocols': measure(protocols, records, embeddings),
    }
    return report, protocols, records, embeddings


@pytest.fixture(scope='module')
def written(measured, tmp_path_factory):
    path = tmp_path_factory.mktemp('page') / 'report.html'
    write_html(path, *measured)
    return path


def test_the_page_shows_every_list_as_it_was_ranked(measured, written):
    page, (_, protocols, records, embeddings) = Page(written.read_text()), measured
    position = 0
    for protocol in protocols:
        sides = Sides(protocol, records, embeddings)
        scores = sides.scores()
        for chosen in choose_queries(scores, 3, 0).values():
            for one in rank_lists(sides, scores, chosen):
                shown, position = page.lists[position], position + 1
                assert len(shown) == len(one.answers)
                for (kind, texts), answer in zip(shown, one.answers, strict=True):
                    assert kind == ('junk' if answer.rank is None else 'right' if answer.right else 'wrong')
                    assert texts[0].endswith(answer.record.path.name)
                    assert f'{answer.similarity:.3f}' in texts
                    sign = {'junk': 'left out', 'right': f'{answer.rank} ✓', 'wrong': f'{answer.rank} ✗'}[kind]
                    assert sign in texts
    assert position == len(page.lists) > 9


def test_the_page_has_the_table_and_the_options(measured, written):
    text = Page(written.read_text()).text
    for row in measured[0]['protocols']:
        figures = ' '.join(f'{row[name]:.1f}' for name in ('rank1', 'rank5', 'rank10', 'mAP', 'mINP'))
        assert f'{row["protocol"]} {row["valid_queries"]} / {row["queries"]} {row["gallery"]} {figures}' in text
    for part in ('ifd_<b>.tag on folder', 'masks bundled', 'training seed not recorded', 're-ranking none', 'a' * 12):
        assert part in text


def test_nothing_comes_from_the_network_and_names_are_escaped(measured, written):
    text = written.read_text()
    page = Page(text)
    assert page.addresses and all(address.startswith('data:image/jpeg;base64,') for address in page.addresses)
    assert not {'script', 'link', 'iframe'} & set(page.tags)
    assert 'ifd_&lt;b&gt;.tag' in text and '<img src=x' not in text and HOSTILE in page.text
    assert str(measured[2][0].path.parents[3]) not in text


def test_the_pictures_are_those_of_the_files(measured, written):
    first = Page(written.read_text()).addresses[0]
    with Image.open(io.BytesIO(base64.b64decode(first.partition(',')[2]))) as picture:
        assert picture.format == 'JPEG' and picture.size == (32, 64)


def test_the_same_measurement_gives_the_same_bytes(measured, written, tmp_path):
    write_html(tmp_path / 'again.html', *measured)
    assert (tmp_path / 'again.html').read_bytes() == written.read_bytes()
    write_html(tmp_path / 'other.html', *measured, seed=1)
    assert (tmp_path / 'other.html').read_bytes() != written.read_bytes()


def test_re_ranking_repeated_draws_and_the_paper_are_explained(measured, tmp_path):
    report, protocols, records, embeddings = measured
    paper = {
        'source': 'Table <I>', 'modes': ['cc'], 'remark': 'Beware.',
        'rows': [{'method': 'PCB', 'modality': 'RGB', 'figures': {'cc': {'rank1': 41.8, 'mAP': None}}}],
    }
    draws = [replace(protocols[1], trial=number) for number in range(2)]
    rows = measure(draws, records, embeddings)
    changed = {**report, 'rerank': {'k1': 20, 'weight': 0.3}, 'paper': paper, 'protocols': rows}
    write_html(tmp_path / 'report.html', changed, draws, records, embeddings)
    text = Page((tmp_path / 'report.html').read_text()).text
    assert 're-ranking k1 20, weight 0.3' in text and 'rank lists below are those before re-ranking' in text
    assert 'cc (2 trials)' in text and 'first of several draws' in text and text.count('Best queries') == 1
    assert 'Table <I>: copied, not measured here. Beware. Its figures are not re-ranked' in text
    assert 'PCB RGB 41.8 –' in text
    assert 'Similarity of right matches (' in text


def test_a_protocol_without_valid_queries_is_explained(measured, tmp_path):
    report, protocols, records, embeddings = measured
    alone = replace(protocols[1], gallery=tuple(r for r in protocols[1].gallery if r.pid != protocols[1].query[0].pid))
    alone = replace(alone, query=protocols[1].query[:1])
    write_html(tmp_path / 'report.html', {**report, 'protocols': []}, [alone], records, embeddings)
    text = (tmp_path / 'report.html').read_text()
    assert 'No query has a right match in the gallery: the gallery does not show the person (1).' in text
    write_html(tmp_path / 'report.html', {**report, 'protocols': []}, [replace(alone, query=())], records, embeddings)
    assert 'in the gallery: there are no queries.' in (tmp_path / 'report.html').read_text()


def test_a_picture_that_is_gone_is_named(measured, tmp_path):
    report, protocols, records, embeddings = measured
    gone = {record: replace(record, path=record.path.with_name('gone.jpg')) for record in records}
    moved = [replace(p, query=tuple(gone[r] for r in p.query)) for p in protocols[:1]]
    both = (*records, *gone.values())
    with pytest.raises(DatasetError, match='gone.jpg: image cannot be read'):
        write_html(tmp_path / 'report.html', report, moved, both, np.concatenate([embeddings] * 2))
    assert not (tmp_path / 'report.html').exists()


@pytest.fixture(scope='module')
def browser():
    with open_browser(browser_or_skip()) as browser:
        yield browser


@pytest.mark.parametrize(('width', 'scheme'), [(390, 'dark'), (1280, 'light')])
def test_a_browser_shows_all_pictures_without_requests_or_a_wide_page(browser, written, width, scheme):
    with open_page(browser, written.as_uri(), (width, 800), scheme, ready='body') as page:
        broken = page.evaluate('[...document.images].filter(image => !image.naturalWidth).length')
        overflow = page.evaluate('document.documentElement.scrollWidth - innerWidth')
        background = page.evaluate('getComputedStyle(document.body).backgroundColor')
        requested, errors = list(page.requested), list(page.errors)
    assert (broken, errors) == (0, []) and overflow <= 0
    assert not [url for url in requested if not url.startswith(('data:', 'file:'))]
    assert (background == 'rgb(255, 255, 255)') == (scheme == 'light')
